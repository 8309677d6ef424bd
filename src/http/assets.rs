//! The web client, embedded in the binary.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use rust_embed::{EmbeddedFile, RustEmbed};

// Empty when the web client was not built. A development build reads the directory at run time instead.
#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct WebClient;

/// What a binary without the web client shows.
const NOT_BUILT: &str = include_str!("not_built.html");
/// Vite puts a hash of the content into the names below this directory, so that they never change.
const HASHED: &str = "assets/";
/// One year, the most that caches honour.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Kept, but asked for again each time; an unchanged file then costs one small answer.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// The page itself, whatever its address: the web client reads the room from it.
pub(super) fn page(method: &Method, headers: &HeaderMap) -> Response {
    match WebClient::get("index.html") {
        Some(index) => respond(method, headers, "index.html", index),
        None if !is_read(method) => not_allowed(),
        None => ([(CONTENT_TYPE, "text/html; charset=utf-8"), (CACHE_CONTROL, "no-store")], NOT_BUILT).into_response(),
    }
}

/// A file of the web client. `path` is relative, without a slash at its beginning.
pub(super) fn file(method: &Method, headers: &HeaderMap, path: &str) -> Response {
    match WebClient::get(path) {
        Some(found) => respond(method, headers, path, found),
        None => (StatusCode::NOT_FOUND, "There is nothing here.\n").into_response(),
    }
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn not_allowed() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, HEAD")]).into_response()
}

fn respond(method: &Method, headers: &HeaderMap, path: &str, file: EmbeddedFile) -> Response {
    if !is_read(method) {
        return not_allowed();
    }
    let tag = etag(&file);
    let cache = if path.starts_with(HASHED) { IMMUTABLE } else { REVALIDATE };
    let known = headers.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)) {
        return (StatusCode::NOT_MODIFIED, [(CACHE_CONTROL, cache), (ETAG, header(&tag))]).into_response();
    }
    let mime = mime_guess::from_path(path).first_or_octet_stream();
    let mime = if mime.type_() == "text" { format!("{mime}; charset=utf-8") } else { mime.to_string() };
    // axum leaves the body out of the answer to HEAD and keeps its length.
    let body = Body::from(file.data);
    ([(CONTENT_TYPE, header(&mime)), (CACHE_CONTROL, cache), (ETAG, header(&tag))], body).into_response()
}

fn etag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    // 64 bits tell versions of one file apart.
    let hex: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
