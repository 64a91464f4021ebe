//! What a word was probably meant to be. Pure.

/// As near as clap wants the names of options.
const NEAR: f64 = 0.75;

/// The nearest of some words, if one is near.
pub(crate) fn nearest<T: AsRef<str>>(word: &str, words: impl IntoIterator<Item = T>) -> Option<T> {
    let near = |one: T| Some((strsim::jaro_winkler(word, one.as_ref()), one)).filter(|(nearness, _)| *nearness > NEAR);
    let best = words.into_iter().filter_map(near).max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_and_what_is_not() {
        let commands = ["check", "inspect", "restore"];
        assert_eq!(nearest("chekc", commands), Some("check"));
        assert_eq!(nearest("inpsect", commands), Some("inspect"));
        assert_eq!(nearest("my-app", commands), None);
        assert_eq!(nearest("", commands), None);
    }
}
