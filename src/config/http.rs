//! How lines are sent to a receiver: what a sink of type http says. Secrets come from files, which are read here.

use std::path::Path;

use super::keys::Name;
use super::values::Values;
use super::{file, kind};
use crate::encode::Encoder;
use crate::push::target::{Auth, Format, Target};

/// The receiver of a sink.
///
/// # Errors
/// What is wrong, for people; without secrets.
pub(super) fn target(values: &Values, format: &str, encoder: &Encoder) -> Result<Target, String> {
    let url = values.word(Name::SinkUrl).ok_or("sink.url is missing: where lines are to be posted to")?;
    let format = match format {
        "loki" => Format::Loki,
        "otlp" => Format::Otlp,
        _ => Format::Ndjson,
    };
    let target = Target::parse_url(url, format).map_err(|error| format!("sink.url: {error}"))?;
    let timeout = kind::span(values.word(Name::SinkTimeout).unwrap_or_default())?;
    let mut target = target
        .with_content(encoder.content_type(), encoder.frame())
        .with_gzip(values.is_on(Name::SinkCompress))
        .with_timeout(timeout)
        .with_auth(&auth(values)?)?;
    for header in values.words(Name::SinkHeaders) {
        target = target.with_header(header).map_err(|error| format!("sink.headers: {error}"))?;
    }
    if let Some(tenant) = values.word(Name::SinkTenant) {
        if format != Format::Loki {
            return Err("sink.tenant is for the format loki".to_owned());
        }
        target = target
            .with_header(&format!("X-Scope-OrgID: {tenant}"))
            .map_err(|error| format!("sink.tenant: {error}"))?;
    }
    trusting(values, target)
}

fn auth(values: &Values) -> Result<Auth, String> {
    let secret = |name: Name| values.path(name).map(|path| secret(name, &path)).transpose();
    let (user, password) = (values.word(Name::SinkUser), secret(Name::SinkPasswordFile)?);
    match (user, password, secret(Name::SinkTokenFile)?) {
        (None, None, None) => Ok(Auth::None),
        (None, None, Some(token)) => Ok(Auth::Bearer(token)),
        (Some(user), Some(password), None) => Ok(Auth::Basic { user: user.to_owned(), password }),
        (_, _, Some(_)) => {
            Err("sink.token_file, or sink.user with sink.password_file: one of them".to_owned())
        }
        _ => Err("sink.user and sink.password_file belong together".to_owned()),
    }
}

/// A secret is the file's first line: editors put a newline behind it.
fn secret(name: Name, path: &Path) -> Result<String, String> {
    let text = String::from_utf8(read(name, path)?);
    let text = text.map_err(|_| format!("{}: {} isn't text", called(name), path.display()))?;
    let line = text.lines().next().unwrap_or_default();
    match line.is_empty() {
        true => Err(format!("{}: {} is empty", called(name), path.display())),
        false => Ok(line.to_owned()),
    }
}

fn called(name: Name) -> &'static str {
    super::keys::of(name).path
}

fn read(name: Name, path: &Path) -> Result<Vec<u8>, String> {
    file::load(path).map_err(|error| format!("{}: {}: {error}", called(name), path.display()))
}

#[cfg(feature = "tls")]
fn trusting(values: &Values, target: Target) -> Result<Target, String> {
    let authorities = values.path(Name::SinkCaFile).map(|path| read(Name::SinkCaFile, &path)).transpose()?;
    match target.is_secure() {
        true => Ok(target.with_tls(
            crate::push::secure::trusting(authorities.as_deref())
                .map_err(|error| format!("{}: {error}", super::keys::of(Name::SinkCaFile).path))?,
        )),
        false if authorities.is_some() => Err("sink.ca_file is for a URL with https://".to_owned()),
        false => Ok(target),
    }
}

#[cfg(not(feature = "tls"))]
fn trusting(values: &Values, target: Target) -> Result<Target, String> {
    match values.is_given(Name::SinkCaFile) {
        true => Err("sink.ca_file: this docklog was built without TLS (cargo's feature tls)".to_owned()),
        false => Ok(target),
    }
}
