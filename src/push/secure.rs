//! A socket under TLS. Encryption is rustls'; when a socket can be read and written is the loop's to know, so nothing here
//! waits: what would block says so, and what could not be sent is sent by the next write or flush.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::limits;

/// What a connection needs to know: whom to trust. That is the authorities in these bytes (PEM), or else those that this
/// system trusts, which are read now.
///
/// # Errors
/// If there are none, for people.
pub fn trusting(authorities: Option<&[u8]>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(pem) => {
            for (number, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
                let added = certificate
                    .map_err(|error| format!("{error:?}"))
                    .and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()));
                added.map_err(|error| format!("certificate {} in it: {error}", number + 1))?;
            }
            if roots.is_empty() {
                return Err("there is no certificate in it (PEM: -----BEGIN CERTIFICATE-----)".to_owned());
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
                return Err(format!(
                    "this system has no certificates of authorities{why}: install ca-certificates, or set ca_file"
                ));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::in_memory_sessions(limits::PUSH_SESSIONS);
    Ok(Arc::new(config))
}

/// What speaks to this host, which must show a certificate of that name.
///
/// # Errors
/// If that is no name that a certificate could have.
pub(super) fn session(config: &Arc<ClientConfig>, host: &str) -> Result<ClientConnection, String> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let name = ServerName::try_from(host.to_owned()).map_err(|error| format!("{host}: {error}"))?;
    let mut tls = ClientConnection::new(Arc::clone(config), name).map_err(|error| format!("TLS: {error}"))?;
    tls.set_buffer_limit(Some(limits::PUSH_ENCRYPTED));
    Ok(tls)
}

/// A socket, and what encrypts it.
#[derive(Debug)]
pub(super) struct Secure<S> {
    socket: S,
    tls: ClientConnection,
}

impl<S: Read + Write> Secure<S> {
    /// A connection over this socket. Nothing has been said yet.
    pub(super) fn new(socket: S, tls: ClientConnection) -> Self {
        Self { socket, tls }
    }

    /// Goes on with the handshake. True once it is done.
    pub(super) fn shake(&mut self) -> Result<bool, String> {
        while self.tls.is_handshaking() {
            or_later(self.push()).map_err(|error| explained(&error))?;
            match self.pull() {
                Ok(0) => return Err("TLS: the receiver closed the connection".to_owned()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(explained(&error)),
            }
        }
        or_later(self.push()).map_err(|error| explained(&error))?;
        Ok(true)
    }

    pub(super) fn socket(&mut self) -> &mut S {
        &mut self.socket
    }

    /// Says goodbye, if that can be said at once.
    pub(super) fn into_socket(mut self) -> S {
        self.tls.send_close_notify();
        let _ = self.push(); // who doesn't take it, finds the connection closed
        self.socket
    }

    /// Sends all that is to be sent.
    fn push(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.socket) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes what has come, once; 0 at the end.
    fn pull(&mut self) -> io::Result<usize> {
        let read = loop {
            match self.tls.read_tls(&mut self.socket) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        if let Err(error) = self.tls.process_new_packets() {
            let _ = self.push(); // the other side may want to know
            return Err(io::Error::new(ErrorKind::InvalidData, error));
        }
        Ok(read)
    }
}

impl<S: Read + Write> Read for Secure<S> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(out) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
            self.pull()?;
            // What came may have to be answered (other keys). If that fails, whoever writes next learns of it.
            let _ = self.push();
        }
    }
}

impl<S: Read + Write> Write for Secure<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let wanted: usize = pieces.iter().map(|piece| piece.len()).sum();
        loop {
            let taken = self.tls.writer().write_vectored(pieces)?;
            if taken > 0 || wanted == 0 {
                or_later(self.push())?;
                return Ok(taken);
            }
            self.push()?; // makes room
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push()
    }
}

/// What can't be sent now is sent later.
fn or_later(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| if error.kind() == ErrorKind::WouldBlock { Ok(()) } else { Err(error) })
}

/// What a failed handshake means, and what helps.
fn explained(error: &io::Error) -> String {
    use rustls::{CertificateError, Error, InvalidMessage};
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let help = match inner {
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)) => {
            ": nobody who is trusted here has signed it; set ca_file to the authority that has"
        }
        // What `openssl req -x509` makes, unless it is told otherwise. Only its name says so.
        Some(Error::InvalidCertificate(other)) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            ": it is one of an authority, not of a server; make one with basicConstraints=CA:FALSE"
        }
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            ": does the receiver speak https there?"
        }
        _ => "",
    };
    match inner {
        Some(inner) => format!("TLS: {inner}{help}"),
        None => format!("TLS: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::rc::Rc;

    use rcgen::{CertificateParams, KeyPair};
    use rustls::pki_types::PrivateKeyDer;
    use rustls::{ServerConfig, ServerConnection};

    use super::*;

    /// One direction: so many bytes fit in.
    #[derive(Debug)]
    struct Pipe {
        bytes: VecDeque<u8>,
        room: usize,
        ended: bool,
        operations: usize,
    }

    type Shared = Rc<RefCell<Pipe>>;

    /// One end of two.
    #[derive(Debug)]
    struct Half {
        from: Shared,
        to: Shared,
    }

    impl Read for Half {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let mut pipe = self.from.borrow_mut();
            pipe.operations += 1;
            if pipe.bytes.is_empty() && !pipe.ended {
                return Err(ErrorKind::WouldBlock.into());
            }
            pipe.bytes.read(out)
        }
    }

    impl Write for Half {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut pipe = self.to.borrow_mut();
            pipe.operations += 1;
            let room = bytes.len().min(pipe.room - pipe.bytes.len());
            if room == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            pipe.bytes.extend(&bytes[..room]);
            Ok(room)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A receiver, and what it has got.
    struct Other {
        half: Half,
        tls: ServerConnection,
        got: Vec<u8>,
    }

    impl Other {
        /// Takes and gives what it can.
        fn pump(&mut self) {
            loop {
                let read = self.tls.wants_read() && matches!(self.tls.read_tls(&mut self.half), Ok(1..));
                let state = self.tls.process_new_packets().expect("our words");
                self.tls
                    .reader()
                    .take(state.plaintext_bytes_to_read() as u64)
                    .read_to_end(&mut self.got)
                    .expect("text");
                let written = self.tls.wants_write() && self.tls.write_tls(&mut self.half).is_ok();
                if !read && !written {
                    return;
                }
            }
        }
    }

    fn pair(room: usize) -> (Secure<Half>, Other) {
        let pipe =
            || Rc::new(RefCell::new(Pipe { bytes: VecDeque::new(), room, ended: false, operations: 0 }));
        let (there, back) = (pipe(), pipe());
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["receiver".to_owned()]).expect("a name");
        let certificate = params.self_signed(&key).expect("a certificate").der().clone();
        let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &certificate);
        let pem = format!("-----BEGIN CERTIFICATE-----\n{encoded}\n-----END CERTIFICATE-----\n");
        let config = trusting(Some(pem.as_bytes())).expect("a root");
        let session = session(&config, "receiver.").expect("a name");
        let server = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .expect("valid");
        let tls = ServerConnection::new(Arc::new(server)).expect("valid");
        let ours = Half { from: Rc::clone(&back), to: Rc::clone(&there) };
        (Secure::new(ours, session), Other { half: Half { from: there, to: back }, tls, got: Vec::new() })
    }

    fn shaken(room: usize) -> (Secure<Half>, Other) {
        let (mut secure, mut other) = pair(room);
        while !secure.shake().expect("no failure") {
            other.pump();
        }
        (secure, other)
    }

    #[test]
    fn through_the_narrowest_pipe_all_arrives() {
        for (room, length) in [(1, 3000_u32), (1000, 200_000), (1 << 20, 200_000)] {
            let (mut secure, mut other) = shaken(room);
            let sent: Vec<u8> = (0..length).map(|number| (number % 251) as u8).collect();
            let mut rest = sent.as_slice();
            while !rest.is_empty() {
                match secure.write(rest) {
                    Ok(taken) => rest = &rest[taken..],
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                }
                other.pump();
            }
            while let Err(error) = secure.flush() {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                other.pump();
            }
            other.pump();
            assert!(other.got == sent, "{} bytes have arrived", other.got.len());
            other.tls.writer().write_all(b"an answer").expect("room");
            let mut answer = [0; 20];
            let read = loop {
                other.pump();
                match secure.read(&mut answer) {
                    Ok(read) => break read,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                }
            };
            assert_eq!(&answer[..read], b"an answer");
        }
    }

    #[test]
    fn while_nobody_takes_anything_each_call_tries_once_and_holds_a_bounded_part() {
        let (mut secure, other) = shaken(100);
        let operations = || other.half.from.borrow().operations;
        let mut taken = 0;
        let piece = [7; 10_000];
        while let Ok(more) = secure.write(&piece) {
            taken += more;
        }
        assert!(taken <= limits::PUSH_ENCRYPTED + 100, "{taken} bytes are held");
        let before = operations();
        assert!(secure.write(&piece).is_err() && secure.flush().is_err());
        assert_eq!(operations() - before, 2);
        assert!(matches!(secure.write(&[]), Ok(0)));
    }

    #[test]
    fn an_end_is_one_only_with_a_goodbye() {
        let mut byte = [0];
        let (mut secure, mut other) = shaken(1 << 20);
        other.tls.send_close_notify();
        other.pump();
        assert!(matches!(secure.read(&mut byte), Ok(0)));
        let (mut secure, mut other) = shaken(1 << 20);
        other.pump();
        other.half.to.borrow_mut().ended = true;
        assert_eq!(secure.read(&mut byte).expect_err("cut").kind(), ErrorKind::UnexpectedEof);
        let (secure, mut other) = shaken(1 << 20);
        drop(secure.into_socket());
        other.pump();
        assert!(matches!(other.tls.reader().read(&mut byte), Ok(0)), "no goodbye");
    }

    #[test]
    fn a_handshake_with_nonsense_or_nobody_fails() {
        let (mut secure, other) = pair(1 << 20);
        assert_eq!(secure.shake(), Ok(false));
        other.half.to.borrow_mut().bytes.extend(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let error = secure.shake().expect_err("nonsense");
        assert!(error.contains("does the receiver speak https there?"), "{error}");
        let (mut secure, other) = pair(1 << 20);
        other.half.to.borrow_mut().ended = true;
        assert_eq!(secure.shake(), Err("TLS: the receiver closed the connection".to_owned()));
    }
}
