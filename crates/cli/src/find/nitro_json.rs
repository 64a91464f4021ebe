//! `nitro.json`, which Nitro writes into the output directory of a build.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::Deserialize;

use crate::{diagnostics::invalid_metadata, failure::Failure, store::fs_steps::read_regular};

/// The name of the file.
pub(crate) const FILE_NAME: &str = "nitro.json";

/// What is read from it.
#[derive(Clone, Debug)]
pub(crate) struct NitroJson {
    /// The directory it lies in: the output directory.
    pub(crate) directory: PathBuf,
    /// The preset.
    pub(crate) preset: String,
    /// What it says to be the version of Nitro, for messages alone: 2.13.6 says 2.13.5.
    pub(crate) version: Option<String>,
    /// When the build ended: the date it holds, or the file's own when that is later, as in a build that was copied.
    pub(crate) built: Option<SystemTime>,
}

#[derive(Deserialize)]
struct Contents {
    preset: String,
    #[serde(default)]
    date: Option<String>,
    #[serde(default)]
    versions: Versions,
}

#[derive(Default, Deserialize)]
struct Versions {
    nitro: Option<String>,
}

/// Reads the file in a directory; `None` when there is none.
pub(crate) fn read(directory: &Path) -> Result<Option<NitroJson>, Failure> {
    let path = directory.join(FILE_NAME);
    let text = match read_regular(&path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(invalid_metadata::diagnostic(&path, &error.to_string()).into()),
    };
    let contents: Contents = serde_json::from_slice(&text)
        .map_err(|error| Failure::from(invalid_metadata::diagnostic(&path, &error.to_string())))?;
    let modified = fs::metadata(&path).and_then(|metadata| metadata.modified()).ok();
    Ok(Some(NitroJson {
        directory: directory.to_owned(),
        preset: contents.preset,
        version: contents.versions.nitro,
        built: contents.date.as_deref().and_then(date).max(modified),
    }))
}

/// The date of `Date.prototype.toJSON()`: `2026-01-01T00:00:00.000Z`.
fn date(text: &str) -> Option<SystemTime> {
    let (day, time) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, separator| -> Option<Vec<u64>> {
        text.split(separator).map(|number| number.parse().ok()).collect()
    };
    let [year, month, day] = numbers(day, '-')?[..] else { return None };
    let (time, milliseconds) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(time, ':')?[..] else { return None };
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    let is_leap = leaps(year) > leaps(year - 1);
    let months = [31, 28 + u64::from(is_leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before: u64 = months.iter().zip(1..month).map(|(days, _)| days).sum();
    let days = (year - 1970) * 365 + leaps(year - 1) - leaps(1969) + before + day - 1;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    let since = Duration::from_secs(seconds) + Duration::from_millis(milliseconds.parse().ok()?);
    SystemTime::UNIX_EPOCH.checked_add(since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_javascript() {
        let seconds = |text| date(text)?.duration_since(SystemTime::UNIX_EPOCH).ok().map(|since| since.as_millis());
        assert_eq!(seconds("1970-01-01T00:00:00.000Z"), Some(0));
        assert_eq!(seconds("2024-03-01T12:34:56.789Z"), Some(1_709_296_496_789));
        assert_eq!(seconds("2026-11-22T10:01:11.000Z"), Some(1_795_341_671_000));
        assert_eq!(seconds("2100-12-31T23:59:59.000Z"), Some(4_133_980_799_000));
        for text in ["", "2024-03-01", "2024-13-01T00:00:00.000Z", "2024-03-01T00:00Z", "x-y-zT1:2:3Z"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
