//! The cache: entries are whole, found again, and made again when what goes in changes.

use std::fs;
use std::path::Path;

use anyhow::bail;
use presentry_e2e::cache::{Cache, Key};

fn fill(text: &'static str) -> impl FnOnce(&Path) -> anyhow::Result<()> {
    move |directory| Ok(fs::write(directory.join("file"), text)?)
}

fn must_not_run(_: &Path) -> anyhow::Result<()> {
    bail!("the entry was there")
}

#[test]
fn an_entry_is_made_once() {
    let root = tempfile::tempdir().unwrap();
    let key = Key::default().with("a", "1");
    let first = Cache::open(root.path(), true).unwrap().entry("kind", &key, fill("x")).unwrap();
    assert!(!first.hit);
    let second = Cache::open(root.path(), true).unwrap().entry("kind", &key, must_not_run).unwrap();
    assert!(second.hit);
    assert_eq!(fs::read_to_string(second.path.join("file")).unwrap(), "x");
}

#[test]
fn another_key_or_kind_is_another_entry() {
    let root = tempfile::tempdir().unwrap();
    let cache = Cache::open(root.path(), true).unwrap();
    let key = |value| Key::default().with("a", value);
    assert!(!cache.entry("kind", &key("1"), fill("x")).unwrap().hit);
    assert!(!cache.entry("kind", &key("2"), fill("x")).unwrap().hit);
    assert!(!cache.entry("other", &key("1"), fill("x")).unwrap().hit);
}

#[test]
fn facts_do_not_run_into_each_other() {
    let key =
        |facts: &[(&str, &str)]| facts.iter().fold(Key::default(), |key, (name, value)| key.with(name, value)).digest();
    assert_ne!(key(&[("a", "1\n1:b=1:2")]), key(&[("a", "1"), ("b", "2")]));
    assert_ne!(key(&[("a", "bc")]), key(&[("ab", "c")]));
    assert_eq!(key(&[("a", "1")]), key(&[("a", "1")]));
}

#[test]
fn a_failure_leaves_no_entry() {
    let root = tempfile::tempdir().unwrap();
    let key = Key::default().with("a", "1");
    let cache = Cache::open(root.path(), true).unwrap();
    let failed = cache.entry("kind", &key, |directory| {
        fs::write(directory.join("half"), "x")?;
        bail!("interrupted")
    });
    assert_eq!(failed.unwrap_err().to_string(), "interrupted");
    let entry = cache.entry("kind", &key, fill("whole")).unwrap();
    assert!(!entry.hit);
    assert!(!entry.path.join("half").exists());
}

#[test]
fn what_an_interrupted_run_left_is_removed() {
    let root = tempfile::tempdir().unwrap();
    let left = root.path().join("unfinished/kind-0/node_modules");
    fs::create_dir_all(&left).unwrap();
    let cache = Cache::open(root.path(), true).unwrap();
    assert!(!left.exists());
    drop(cache);
}

#[test]
fn without_reuse_an_entry_is_replaced() {
    let root = tempfile::tempdir().unwrap();
    let key = Key::default().with("a", "1");
    Cache::open(root.path(), true).unwrap().entry("kind", &key, fill("old")).unwrap();
    let replaced = Cache::open(root.path(), false).unwrap().entry("kind", &key, fill("new")).unwrap();
    assert!(!replaced.hit);
    assert_eq!(fs::read_to_string(replaced.path.join("file")).unwrap(), "new");
    // A replacement that fails leaves the old one.
    let failed = Cache::open(root.path(), false).unwrap().entry("kind", &key, must_not_run);
    assert!(failed.is_err());
    assert_eq!(fs::read_to_string(replaced.path.join("file")).unwrap(), "new");
}

#[test]
fn one_process_holds_it_at_a_time() {
    let root = tempfile::tempdir().unwrap();
    let cache = Cache::open(root.path(), true).unwrap();
    let lock = fs::File::open(root.path().join("lock")).unwrap();
    assert!(lock.try_lock().is_err());
    drop(cache);
    assert!(lock.try_lock().is_ok());
}

#[test]
fn threads_that_want_one_entry_make_it_once() {
    let root = tempfile::tempdir().unwrap();
    // Without reuse as well: what this process made is as new as can be.
    let cache = Cache::open(root.path(), false).unwrap();
    let key = Key::default().with("a", "1");
    let made = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let fill = |directory: &Path| {
                    made.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    Ok(fs::write(directory.join("file"), "x")?)
                };
                cache.entry("kind", &key, fill).unwrap();
            });
        }
    });
    assert_eq!(made.into_inner(), 1);
}
