//! Links between pages: each leads to a file of the repository and to a heading that is there, and every page is found
//! from `docs/README.md`. Nothing is asked of the network.

use std::collections::BTreeMap;

use super::docs;
use crate::pages;

/// Where every page is listed.
const CONTENTS: &str = "docs/README.md";

/// Everything that is wrong with the links of the pages in `texts`, one line each.
pub(super) fn links(texts: &[(String, String)], files: &[String]) -> Vec<String> {
    let pages: BTreeMap<&str, &str> = texts
        .iter()
        .filter(|(file, _)| docs::is_page(file))
        .map(|(file, text)| (file.as_str(), text.as_str()))
        .collect();
    let mut found = Vec::new();
    for (page, text) in &pages {
        for link in pages::links(text) {
            let Some(target) = pages::resolve(page, &link.target) else { continue };
            if !is_there(&target.file, files) {
                found.push(format!("`{page}` links `{}`, which is not there", link.target));
                continue;
            }
            let Some(anchor) = target.anchor else { continue };
            let has = pages.get(target.file.as_str()).is_some_and(|text| pages::anchors(text).contains(&anchor));
            if !has {
                found.push(format!("`{page}` links `{}`, and there is no such heading", link.target));
            }
        }
    }
    found.extend(unlisted(&pages));
    found
}

/// A file, or a directory that has one.
fn is_there(path: &str, files: &[String]) -> bool {
    files.iter().any(|file| file == path || file.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
}

/// The pages of `docs` and of the recipes that the contents do not list.
fn unlisted(pages: &BTreeMap<&str, &str>) -> Vec<String> {
    let Some(contents) = pages.get(CONTENTS) else { return vec![format!("`{CONTENTS}` is missing")] };
    let listed: Vec<String> = pages::links(contents)
        .into_iter()
        .filter_map(|link| pages::resolve(CONTENTS, &link.target))
        .map(|target| target.file)
        .collect();
    pages
        .keys()
        .filter(|page| page.contains('/') && **page != CONTENTS && !listed.iter().any(|file| file == *page))
        .map(|page| format!("`{page}` is not listed in `{CONTENTS}`"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pages: &[(&str, &str)]) -> Vec<String> {
        let texts: Vec<(String, String)> =
            pages.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
        let mut files: Vec<String> = texts.iter().map(|(file, _)| file.clone()).collect();
        files.push("e2e/sdk/basic/app.ts".to_owned());
        links(&texts, &files)
    }

    #[test]
    fn links_lead_to_files_directories_and_headings() {
        let page = "# A\n\n[b](b.md#two-words) [here](#a) [directory](../e2e/sdk) [web](https://example.com)\n";
        let pages = [("docs/README.md", "[a](a.md) [b](b.md)\n"), ("docs/a.md", page), ("docs/b.md", "## Two words\n")];
        assert_eq!(found(&pages), [""; 0]);
    }

    #[test]
    fn what_leads_nowhere_and_what_nothing_leads_to_is_found() {
        let pages = [("docs/README.md", "[a](a.md)\n"), ("docs/a.md", "[x](x.md) [y](#y)\n"), ("docs/b.md", "")];
        assert_eq!(
            found(&pages),
            [
                "`docs/a.md` links `x.md`, which is not there",
                "`docs/a.md` links `#y`, and there is no such heading",
                "`docs/b.md` is not listed in `docs/README.md`",
            ]
        );
        assert_eq!(found(&[("README.md", "")]), ["`docs/README.md` is missing"]);
    }
}
