//! `cargo xtask book`: the pages as a site, made by mdBook, with every link of the result looked up. No network.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use xshell::{Shell, cmd};

use crate::pages::{self, Piece};
use crate::{Outcome, flags, print};

/// The page that lists the others: the order of the site is its order.
const CONTENTS: &str = "docs/README.md";

/// The pages at the root, which come last.
const LAST: [(&str, &str); 3] =
    [("Changelog", "CHANGELOG.md"), ("Contributing", "CONTRIBUTING.md"), ("Security", "SECURITY.md")];

/// The version of mdBook that CI installs, and that the result was looked at with.
const MDBOOK: &str = "mdbook v0.5.4";

impl flags::Book {
    pub(crate) fn run(self, sh: &Shell) -> Result<Outcome> {
        let mdbook = self.mdbook.as_deref().unwrap_or(Path::new("mdbook"));
        let version = cmd!(sh, "{mdbook} --version").quiet().read();
        let version = version.context("mdBook was not found\nhint: cargo install --locked mdbook@0.5.4")?;
        if version.trim() != MDBOOK {
            bail!("this is {version}, and the site is made with {MDBOOK}");
        }
        let root = sh.current_dir();
        let (source, out) = (root.join("target/book"), root.join(&self.out));
        if source.exists() {
            fs::remove_dir_all(&source).with_context(|| format!("failed to remove `{}`", source.display()))?;
        }
        let staged = stage(&root, &source)?;
        cmd!(sh, "{mdbook} build --dest-dir {out} {source}").quiet().run()?;
        let broken = broken_links(&out)?;
        if !broken.is_empty() {
            bail!("the site has links that lead nowhere:\n  {}", broken.join("\n  "));
        }
        print::line(format_args!("{staged} pages in {}", self.out.display()))?;
        Ok(Outcome::Green)
    }
}

/// Lays out `source` for mdBook: the pages where they are in the repository, the files that they link, the list of chapters.
///
/// # Errors
/// When a file cannot be read or written.
fn stage(root: &Path, source: &Path) -> Result<usize> {
    let read = |file: &str| fs::read_to_string(root.join(file)).with_context(|| format!("failed to read `{file}`"));
    let (summary, chapters) = summary(&read(CONTENTS)?);
    let mut assets = BTreeSet::new();
    for chapter in &chapters {
        let text = placed(chapter, &read(chapter)?, &chapters, |file| root.join(file).is_file(), &mut assets);
        write(&source.join("src").join(as_index(chapter)), &text)?;
    }
    for asset in &assets {
        let to = source.join("src").join(asset);
        make_parent(&to)?;
        fs::copy(root.join(asset), &to).with_context(|| format!("failed to copy `{asset}`"))?;
    }
    write(&source.join("src/SUMMARY.md"), &summary)?;
    let config = "[book]\ntitle = \"presentry\"\nlanguage = \"en\"\n\n[output.html]\nno-section-label = true\n\n[output.html.print]\nenable = false\n";
    write(&source.join("book.toml"), config)?;
    Ok(chapters.len())
}

/// mdBook's list of chapters, made of the contents page, and the files that it names.
fn summary(contents: &str) -> (String, Vec<String>) {
    let mut text = "# Summary\n\n[presentry](index.md)\n".to_owned();
    let mut chapters = vec!["README.md".to_owned()];
    let add = |text: &mut String, chapters: &mut Vec<String>, name: &str, file: String| {
        if file.ends_with(".md") && !chapters.contains(&file) {
            text.push_str(&format!("- [{name}]({})\n", as_index(&file)));
            chapters.push(file);
        }
    };
    add(&mut text, &mut chapters, "All pages", CONTENTS.to_owned());
    for piece in pages::pieces(contents) {
        match piece {
            Piece::Heading(2, heading) => text.push_str(&format!("\n# {heading}\n\n")),
            Piece::Heading(..) => {}
            Piece::Link(link) => {
                let Some(target) = pages::resolve(CONTENTS, &link.target) else { continue };
                add(&mut text, &mut chapters, &link.text, target.file);
            }
        }
    }
    text.push_str("\n# The project\n\n");
    for (name, file) in LAST {
        add(&mut text, &mut chapters, name, file.to_owned());
    }
    (text, chapters)
}

/// The page with links as the site has them: to a chapter, to a copied file, or plain text.
fn placed(
    page: &str,
    text: &str,
    chapters: &[String],
    is_file: impl Fn(&str) -> bool,
    assets: &mut BTreeSet<String>,
) -> String {
    let mut out = String::new();
    let mut done = 0;
    for link in pages::links(text) {
        let Some(target) = pages::resolve(page, &link.target) else { continue };
        // A picture inside of a link is a part of it.
        if link.range.start < done {
            continue;
        }
        out.push_str(&text[done..link.range.start]);
        done = link.range.end;
        let whole = &text[link.range.clone()];
        if chapters.contains(&target.file) {
            let to = link.target.replace("README.md", "index.md");
            out.push_str(&whole.replace(&format!("]({})", link.target), &format!("]({to})")));
        } else if is_file(&target.file) {
            assets.insert(target.file);
            out.push_str(whole);
        } else {
            out.push_str(&link.text);
        }
    }
    out.push_str(&text[done..]);
    out
}

/// mdBook makes `index.html` of a README, and leaves links to the latter as they are.
fn as_index(file: &str) -> String {
    file.strip_suffix("README.md").map_or_else(|| file.to_owned(), |directory| format!("{directory}index.md"))
}

/// The relative links of a site that lead to no file of it or to no place in one, each with its page.
fn broken_links(site: &Path) -> Result<Vec<String>> {
    let mut files = BTreeMap::new();
    collect(site, site, &mut files)?;
    let mut broken = Vec::new();
    for (page, text) in files.iter().filter(|(page, _)| page.ends_with(".html") && *page != "404.html") {
        for target in attributes(text, &["href=\"", "src=\""]) {
            let Some(target) = pages::resolve(page, &target) else { continue };
            let found = files.get(&target.file);
            let place = |anchor: &str| found.is_some_and(|text| text.contains(&format!("id=\"{anchor}\"")));
            if found.is_none() || target.anchor.as_deref().is_some_and(|anchor| !anchor.is_empty() && !place(anchor)) {
                broken.push(format!("`{page}`: `{}` {}", target.file, target.anchor.unwrap_or_default()));
            }
        }
    }
    if !files.contains_key("index.html") {
        broken.push("there is no `index.html`".to_owned());
    }
    Ok(broken)
}

/// Every file of a site by its path with `/`; those that are not text are empty.
fn collect(site: &Path, directory: &Path, files: &mut BTreeMap<String, String>) -> Result<()> {
    let context = || format!("failed to read `{}`", directory.display());
    for entry in fs::read_dir(directory).with_context(context)? {
        let path: PathBuf = entry.with_context(context)?.path();
        if path.is_dir() {
            collect(site, &path, files)?;
        } else {
            let parts = path.strip_prefix(site).unwrap_or(&path).components();
            let name = parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
            files.insert(name, fs::read_to_string(&path).unwrap_or_default());
        }
    }
    Ok(())
}

/// The values of these attributes, as mdBook writes them.
fn attributes(html: &str, names: &[&str]) -> Vec<String> {
    names
        .iter()
        .flat_map(|name| html.split(name).skip(1).filter_map(|rest| rest.split_once('"')))
        .map(|(value, _)| value.replace("&amp;", "&"))
        .filter(|value| !value.starts_with("data:"))
        .collect()
}

fn make_parent(file: &Path) -> Result<()> {
    let parent = file.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(parent).with_context(|| format!("failed to create `{}`", parent.display()))
}

fn write(file: &Path, text: &str) -> Result<()> {
    make_parent(file)?;
    fs::write(file, text).with_context(|| format!("failed to write `{}`", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ci_installs_the_version_that_is_wanted() {
        let workflow = include_str!("../../.github/workflows/ci.yml");
        let version = MDBOOK.strip_prefix("mdbook v").unwrap();
        assert!(workflow.contains(&format!("mdbook@{version}\n")), "{version}");
    }

    #[test]
    fn the_chapters_are_those_of_the_contents_in_their_order() {
        let contents = "# Documentation\n\n## Start\n- [One](one.md)\n- [Docker](../examples/docker/README.md),\n  [web](https://example.com), [schema](schema.json)\n\n## Look up\n- [Two `x`](two.md) and [one](one.md#again)\n";
        let (text, chapters) = summary(contents);
        assert_eq!(
            text,
            "# Summary\n\n[presentry](index.md)\n- [All pages](docs/index.md)\n\n# Start\n\n- [One](docs/one.md)\n\
             - [Docker](examples/docker/index.md)\n\n# Look up\n\n- [Two x](docs/two.md)\n\n# The project\n\n\
             - [Changelog](CHANGELOG.md)\n- [Contributing](CONTRIBUTING.md)\n- [Security](SECURITY.md)\n"
        );
        assert_eq!(chapters.len(), 8);
    }

    #[test]
    fn links_of_a_page_fit_the_site() {
        let chapters = ["README.md", "docs/a.md"].map(str::to_owned);
        let mut assets = BTreeSet::new();
        let text = "[home](../README.md#x) [b](b.svg) [gone](../e2e) [web](https://a.b) ![p](b.svg)\n";
        let placed = placed("docs/a.md", text, &chapters, |file| file == "docs/b.svg", &mut assets);
        assert_eq!(placed, "[home](../index.md#x) [b](b.svg) gone [web](https://a.b) ![p](b.svg)\n");
        assert_eq!(assets, BTreeSet::from(["docs/b.svg".to_owned()]));
    }

    #[test]
    fn a_site_with_a_link_that_leads_nowhere_is_broken() {
        let site = tempfile::tempdir().unwrap();
        let page = |links: &str| write(&site.path().join("index.html"), links).unwrap();
        write(&site.path().join("docs/a.html"), "<h2 id=\"here\"></h2><a href=\"../index.html\"></a>").unwrap();
        page("<a href=\"docs/a.html#here\"></a><a href=\"https://example.com\"></a>");
        assert_eq!(broken_links(site.path()).unwrap(), [""; 0]);
        page("<a href=\"docs/a.html#gone\"></a><img src=\"b.svg\">");
        assert_eq!(broken_links(site.path()).unwrap(), ["`index.html`: `docs/a.html` gone", "`index.html`: `b.svg` "]);
    }
}
