//! `GET /version`.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

use crate::{ApiVersion, Error};

/// Whose engine it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineKind {
    /// Docker, or a build of moby under another name that calls its component `Engine`.
    Docker,
    /// Podman's Docker-compatible API.
    Podman,
    /// Something else that speaks the API.
    Other,
}

/// What an engine tells of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Whose it is, by the name of its component (W-04).
    pub kind: EngineKind,
    /// Its own version, such as `28.5.2` or `20.10.24+dfsg1`.
    pub version: String,
    /// The newest API version it speaks (W-16).
    pub api: Option<ApiVersion>,
    /// The oldest API version it speaks.
    pub min_api: Option<ApiVersion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Raw {
    version: Option<String>,
    api_version: Option<String>,
    #[serde(rename = "MinAPIVersion")]
    min_api_version: Option<String>,
    components: Option<Vec<Component>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Component {
    name: Option<String>,
}

impl Version {
    /// Reads the body of `GET /version`.
    ///
    /// # Errors
    /// If it is not a JSON object of that shape.
    pub fn parse(document: &[u8]) -> Result<Self, Error> {
        let raw: Raw = super::parse(document)?;
        let components = raw.components.unwrap_or_default();
        let has = |name: &str| components.iter().any(|component| component.name.as_deref() == Some(name));
        let kind = if has("Podman Engine") {
            EngineKind::Podman
        } else if has("Engine") {
            EngineKind::Docker
        } else {
            EngineKind::Other
        };
        let api = |text: Option<String>| text.as_deref().and_then(ApiVersion::parse);
        Ok(Self {
            kind,
            version: raw.version.unwrap_or_default(),
            api: api(raw.api_version),
            min_api: api(raw.min_api_version),
        })
    }
}
