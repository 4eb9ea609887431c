//! Where the disk cache is.

use std::path::PathBuf;

use super::Environment;

/// The directory of the disk cache: the one that was `named`, else the user's own
/// (<https://specifications.freedesktop.org/basedir-spec/latest/>). `None` when there is no home to have it in.
pub fn cache_directory(named: Option<PathBuf>, environment: &Environment) -> Option<PathBuf> {
    let set = |name: &str| environment.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // The specification has relative paths ignored.
    let own = || set("XDG_CACHE_HOME").filter(|path| path.is_absolute()).or_else(|| Some(set("HOME")?.join(".cache")));
    named.or_else(|| Some(own()?.join("imagefacts")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_set_counts() {
        for (named, xdg, home, expected) in [
            (Some("c"), "/x", "/h", Some("c")),
            (None, "/x", "/h", Some("/x/imagefacts")),
            (None, "x", "/h", Some("/h/.cache/imagefacts")),
            (None, "", "/h", Some("/h/.cache/imagefacts")),
            (None, "", "", None),
        ] {
            let environment = [("XDG_CACHE_HOME", xdg), ("HOME", home)].map(|(k, v)| (k.to_owned(), v.to_owned()));
            let directory = cache_directory(named.map(PathBuf::from), &environment.into());
            assert_eq!(directory, expected.map(PathBuf::from), "{named:?} {xdg:?} {home:?}");
        }
    }
}
