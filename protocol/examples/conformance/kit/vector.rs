//! Vectors, as `manifest.json` lists them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// All vectors, and the rules they prove.
#[derive(Debug)]
pub(crate) struct Manifest {
    /// Number to statement.
    pub(crate) rules: BTreeMap<String, String>,
    pub(crate) vectors: Vec<Vector>,
}

/// A response and what it must decode to.
#[derive(Debug)]
pub(crate) struct Vector {
    pub(crate) name: String,
    /// Numbers of the rules it proves; may be none.
    pub(crate) rules: Vec<String>,
    /// What a decoder must know of the request.
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) response: Vec<u8>,
    pub(crate) expected: Value,
}

impl Manifest {
    /// Reads `manifest.json` and all that it names from a folder.
    ///
    /// # Errors
    /// A sentence that names the file, if one is missing or not as the manifest says.
    pub(crate) fn load(folder: &Path) -> Result<Self, String> {
        let content = json(&folder.join("manifest.json"))?;
        let rules = content["rules"].as_object().ok_or("manifest.json lacks rules")?;
        let rules = rules.iter().map(|(number, said)| (number.clone(), text(said))).collect();
        let rows = content["vectors"].as_array().ok_or("manifest.json lacks vectors")?;
        let vectors = rows.iter().map(|row| Vector::load(folder, row)).collect::<Result<_, _>>()?;
        Ok(Self { rules, vectors })
    }
}

impl Vector {
    fn load(folder: &Path, row: &Value) -> Result<Self, String> {
        let response = read(&folder.join(text(&row["response"])))?;
        let name = text(&row["name"]);
        if row["size"] != response.len() {
            return Err(format!("{name} has another size than manifest.json says: run manifest.py"));
        }
        let asked = row["asked"].as_object().ok_or_else(|| format!("{name}: what was asked?"))?;
        let rules = row["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(Self {
            name,
            rules: rules.iter().map(text).collect(),
            environment: asked.iter().map(variable).collect(),
            expected: json(&folder.join(text(&row["expected"])))?,
            response,
        })
    }
}

/// `"timestamps": true` becomes `DOCKLOG_TIMESTAMPS=1`.
fn variable((key, value): (&String, &Value)) -> (String, String) {
    let value = value.as_bool().map_or_else(|| text(value), |value| u8::from(value).to_string());
    (format!("DOCKLOG_{}", key.to_uppercase()), value)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn json(path: &Path) -> Result<Value, String> {
    serde_json::from_slice(&read(path)?).map_err(|error| format!("{}: {error}", path.display()))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}
