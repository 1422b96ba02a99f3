"""Certificates for tests, made by openssl: an authority, and servers of which it certifies one rightly."""

import os
import subprocess

NAMES = "DNS:localhost,DNS:receiver.test,IP:127.0.0.1,IP:::1"


def openssl(*args, folder):
    done = subprocess.run(["openssl", *args], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"openssl {args[0]}: {done.stderr}")


def authority(folder, name):
    """A self-signed authority NAME.pem with its key, unless there is one."""
    if not os.path.exists(f"{folder}/{name}.pem"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.part",
                "-days", "30", "-subj", f"/CN=docklog tests {name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign", folder=folder)  # fmt: skip
        os.rename(f"{folder}/{name}.part", f"{folder}/{name}.pem")


def made(folder, kind):
    """A server's key and its certificate of this kind; ca.pem in the folder is the authority."""
    os.makedirs(folder, exist_ok=True)
    authority(folder, "ca")
    key, certificate = f"{folder}/{kind}.key", f"{folder}/{kind}.pem"
    if os.path.exists(certificate):
        return key, certificate
    names = "DNS:other.example" if kind == "other-name" else NAMES
    extensions = [
        "-addext",
        f"subjectAltName={names}",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
        "-addext",
        "extendedKeyUsage=serverAuth",
    ]
    request = [
        "req",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        f"{kind}.key",
        "-subj",
        "/CN=receiver",
    ]
    if kind == "self-signed":
        openssl(*request, "-x509", "-days", "30", "-out", f"{kind}.part", *extensions, folder=folder)
    else:
        openssl(*request, "-out", f"{kind}.csr", *extensions, folder=folder)
        sign(folder, kind)
    os.rename(f"{folder}/{kind}.part", certificate)
    return key, certificate


def sign(folder, kind):
    """`openssl ca`, since it alone takes any dates."""
    with open(f"{folder}/{kind}.cnf", "w", encoding="utf-8") as file:
        file.write(f"[ca]\ndefault_ca=it\n[it]\ndatabase={kind}.index\nserial={kind}.serial\nnew_certs_dir=.\ndefault_md=sha256\n"
                   "policy=any\ncopy_extensions=copy\nunique_subject=no\n[any]\ncommonName=supplied\n")  # fmt: skip
    open(f"{folder}/{kind}.index", "w", encoding="utf-8").close()
    dates = ["-startdate", "200101000000Z", "-enddate", "210101000000Z"] if kind == "expired" else ["-days", "30"]
    openssl("ca", "-batch", "-config", f"{kind}.cnf", "-rand_serial", "-cert", "ca.pem", "-keyfile", "ca.key", "-in", f"{kind}.csr",
            "-out", f"{kind}.part", "-notext", *dates, folder=folder)  # fmt: skip
