//! Reading icons and files that somebody sent.

use serde_json::Value;

use super::block::FileRef;
use super::block_input::Rules;
use super::error::ApiResult;
use super::input::{Input, one_of_missing};

/// An icon as it is sent; the type may be missing.
pub(crate) fn icon(input: &Input<'_>) -> ApiResult<Option<Value>> {
    let Some(input) = input.present() else {
        return Ok(None);
    };
    input.object()?;
    const KINDS: [&str; 6] = [
        "emoji",
        "external",
        "custom_emoji",
        "icon",
        "file",
        "file_upload",
    ];
    let kind = match input.key("type").present() {
        Some(named) => named.word(&KINDS)?,
        None => KINDS
            .into_iter()
            .find(|kind| input.key(kind).raw().is_some())
            .ok_or_else(|| one_of_missing(input.path(), &KINDS))?,
    };
    let object = input.key(kind);
    match kind {
        "emoji" => {
            let emoji = object.text_up_to(100)?;
            if emoji.is_empty() {
                return Err(object.wrong("an emoji"));
            }
        }
        "external" | "file" => {
            object.key("url").url()?;
        }
        "custom_emoji" | "file_upload" => {
            object.key("id").id()?;
        }
        _ => {
            object.key("name").text_up_to(200)?;
        }
    }
    Ok(Some(
        serde_json::json!({"type": kind, kind: object.raw().cloned().unwrap_or_default()}),
    ))
}

/// A file object: an address on the web, or one of the service's own.
pub(crate) fn file_ref(object: &Input<'_>, rules: Rules) -> ApiResult<FileRef> {
    if let Some(external) = object.key("external").present() {
        return Ok(FileRef::External(external.key("url").url()?.to_owned()));
    }
    if let Some(file) = object.key("file").present() {
        // The service knows its own addresses again; other addresses cannot be passed as hosted.
        let url = file.key("url").url()?;
        let base = url.split('?').next().unwrap_or(url);
        if rules == Rules::World || base.starts_with(HOSTED) {
            return Ok(FileRef::Hosted(base.to_owned()));
        }
        return Err(file.key("url").wrong("a URL of a hosted file"));
    }
    if let Some(upload) = object.key("file_upload").present() {
        let id = upload.key("id").id()?;
        return Ok(FileRef::Hosted(format!("{HOSTED}uploads/{id}/file")));
    }
    Err(one_of_missing(object.path(), &["external", "file_upload"]))
}

/// Where hosted files are.
pub(crate) const HOSTED: &str = "https://prod-files-secure.s3.us-west-2.amazonaws.com/";
