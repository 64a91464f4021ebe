//! Where traced packages go in the `node_modules` of a build, so that each is found by who needs it and nothing that the
//! build had is found instead of something else. Decisions only; no I/O.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::PathBuf,
};

/// What was traced.
#[derive(Debug, Default)]
pub(crate) struct Traced {
    /// The packages, each once for each directory it was found in.
    pub(crate) packages: Vec<TracedPackage>,
    /// The packages that the instrumentation itself asks for.
    pub(crate) roots: Vec<usize>,
}

/// A package of the app's tree.
#[derive(Clone, Debug)]
pub(crate) struct TracedPackage {
    /// The name by which it is asked for.
    pub(crate) name: String,
    pub(crate) version: String,
    /// Its real directory.
    pub(crate) directory: PathBuf,
    /// Its traced files, relative to the directory.
    pub(crate) files: BTreeSet<PathBuf>,
    /// The packages whose files ask for files of this one.
    pub(crate) dependents: BTreeSet<usize>,
}

/// What a build has in its `node_modules`.
pub(crate) trait Installed {
    /// The real directory of a package that lies or is linked at a path, and its version. Both paths are relative to the
    /// server directory, with `/`.
    fn at(&self, path: &str) -> Option<(String, String)>;
}

/// A place of a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Placed {
    /// The directory, relative to the server directory.
    pub(crate) directory: String,
    /// Which package.
    pub(crate) package: usize,
    /// Whether the build had the same version there, so that only files are added to it.
    pub(crate) extends: bool,
}

/// Finds a place for each package, sorted by directory.
///
/// A package goes to the top where no other version of it is, and else below each package that needs it. Two directories of
/// the app with one version, which pnpm makes where peers differ, have one place.
pub(crate) fn place(traced: &Traced, installed: &dyn Installed) -> Vec<Placed> {
    let mut layout = Layout { installed, added: BTreeMap::new() };
    let mut needs: Vec<Vec<usize>> = vec![Vec::new(); traced.packages.len()];
    for (number, package) in traced.packages.iter().enumerate() {
        for dependent in &package.dependents {
            needs[*dependent].push(number);
        }
    }
    let mut placed: BTreeSet<Placed> = BTreeSet::new();
    let mut waiting: VecDeque<(usize, String)> = VecDeque::new();
    let mut seen: BTreeSet<(usize, String)> = BTreeSet::new();
    waiting.extend(traced.roots.iter().map(|root| (*root, String::new())));
    // What nobody was seen to ask for, such as an asset that a package reads from its neighbour, goes to the top last.
    let mut rest = (0..traced.packages.len()).filter(|number| traced.packages[*number].dependents.is_empty());
    let mut next = |waiting: &mut VecDeque<(usize, String)>| {
        waiting.pop_front().or_else(|| rest.next().map(|number| (number, String::new())))
    };
    while let Some((number, dependent)) = next(&mut waiting) {
        let package = &traced.packages[number];
        let (directory, extends) = match layout.find(&dependent, &package.name) {
            Some(found) if found.version == package.version => (found.directory, found.installed),
            Some(_) => (below(&dependent, &package.name), false),
            None => (below("", &package.name), false),
        };
        layout.added.insert(directory.clone(), package.version.clone());
        placed.insert(Placed { directory: directory.clone(), package: number, extends });
        if seen.insert((number, directory.clone())) {
            waiting.extend(needs[number].iter().map(|need| (*need, directory.clone())));
        }
    }
    placed.into_iter().collect()
}

/// `node_modules/name` below a directory.
fn below(directory: &str, name: &str) -> String {
    if directory.is_empty() { format!("node_modules/{name}") } else { format!("{directory}/node_modules/{name}") }
}

struct Layout<'a> {
    installed: &'a dyn Installed,
    /// The versions that were placed, by directory.
    added: BTreeMap<String, String>,
}

struct Found {
    directory: String,
    version: String,
    /// Whether the build had it.
    installed: bool,
}

impl Layout<'_> {
    /// The package that Node finds by a name from a directory.
    fn find(&self, from: &str, name: &str) -> Option<Found> {
        let mut at = from;
        loop {
            let is_node_modules = at == "node_modules" || at.ends_with("/node_modules");
            if !is_node_modules && let Some(found) = self.at(below(at, name)) {
                return Some(found);
            }
            if at.is_empty() {
                return None;
            }
            at = at.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }

    fn at(&self, path: String) -> Option<Found> {
        if let Some((directory, version)) = self.installed.at(&path) {
            return Some(Found { directory, version, installed: true });
        }
        let version = self.added.get(&path)?.clone();
        Some(Found { directory: path, version, installed: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Installed for BTreeMap<&str, (&str, &str)> {
        fn at(&self, path: &str) -> Option<(String, String)> {
            self.get(path).map(|(directory, version)| ((*directory).to_owned(), (*version).to_owned()))
        }
    }

    /// Packages are written `name@version < dependent, dependent`; those without dependents are roots.
    #[track_caller]
    fn check(traced: &[&str], installed: &[(&'static str, &'static str)], expected: &[&str]) {
        let mut packages = Vec::new();
        let heads: Vec<&str> = traced.iter().map(|line| line.split(" < ").next().unwrap()).collect();
        for line in traced {
            let (head, dependents) = line.split_once(" < ").unwrap_or((line, ""));
            let (name, version) = head.rsplit_once('@').unwrap();
            let dependents = dependents.split(", ").filter(|dependent| !dependent.is_empty());
            packages.push(TracedPackage {
                name: name.to_owned(),
                version: version.to_owned(),
                directory: PathBuf::from(head),
                files: BTreeSet::new(),
                dependents: dependents.map(|one| heads.iter().position(|head| *head == one).unwrap()).collect(),
            });
        }
        let roots = (0..packages.len()).filter(|number| packages[*number].dependents.is_empty()).collect();
        let installed: BTreeMap<&str, (&str, &str)> =
            installed.iter().map(|(path, version)| (*path, (*path, *version))).collect();
        let placed = place(&Traced { packages, roots }, &installed);
        let found: Vec<String> = placed
            .iter()
            .map(|one| {
                let extends = if one.extends { " (there)" } else { "" };
                format!("{} = {}{extends}", one.directory, heads[one.package])
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn packages_that_the_build_lacks_go_to_the_top() {
        check(&["a@1", "@s/b@2 < a@1"], &[], &["node_modules/@s/b = @s/b@2", "node_modules/a = a@1"]);
    }

    #[test]
    fn the_same_version_gets_the_missing_files() {
        check(
            &["a@1", "b@2 < a@1"],
            &[("node_modules/b", "2")],
            &["node_modules/a = a@1", "node_modules/b = b@2 (there)"],
        );
    }

    #[test]
    fn another_version_stays_and_the_traced_one_goes_below_who_needs_it() {
        check(
            &["a@1", "c@1", "b@2 < a@1, c@1", "d@1 < b@2"],
            &[("node_modules/b", "1")],
            &[
                "node_modules/a = a@1",
                "node_modules/a/node_modules/b = b@2",
                "node_modules/c = c@1",
                "node_modules/c/node_modules/b = b@2",
                "node_modules/d = d@1",
            ],
        );
    }

    #[test]
    fn two_traced_versions() {
        check(
            &["a@1", "b@1 < a@1", "c@1 < a@1", "b@2 < c@1", "d@1 < b@2", "b@1.5 < d@1"],
            &[],
            &[
                "node_modules/a = a@1",
                "node_modules/b = b@1",
                "node_modules/c = c@1",
                "node_modules/c/node_modules/b = b@2",
                "node_modules/d = d@1",
                "node_modules/d/node_modules/b = b@1.5",
            ],
        );
    }

    #[test]
    fn what_a_package_sees_above_itself_is_enough() {
        check(
            &["a@1", "b@2 < a@1", "c@1 < b@2", "b@2x < c@1"],
            &[("node_modules/b", "1")],
            &[
                "node_modules/a = a@1",
                "node_modules/a/node_modules/b = b@2",
                "node_modules/c = c@1",
                "node_modules/c/node_modules/b = b@2x",
            ],
        );
    }

    #[test]
    fn packages_that_need_each_other() {
        check(
            &["r@1", "a@1 < r@1, b@1", "b@1 < a@1"],
            &[("node_modules/a", "0")],
            &[
                "node_modules/b = b@1",
                "node_modules/b/node_modules/a = a@1",
                "node_modules/r = r@1",
                "node_modules/r/node_modules/a = a@1",
            ],
        );
    }

    #[test]
    fn links_lead_to_the_directory_that_is_extended() {
        let packages = vec![TracedPackage {
            name: "b".to_owned(),
            version: "2".to_owned(),
            directory: PathBuf::new(),
            files: BTreeSet::new(),
            dependents: BTreeSet::new(),
        }];
        let installed = BTreeMap::from([("node_modules/b", ("node_modules/.nitro/b@2", "2"))]);
        let placed = place(&Traced { packages, roots: vec![0] }, &installed);
        assert_eq!(placed, [Placed { directory: "node_modules/.nitro/b@2".to_owned(), package: 0, extends: true }]);
    }
}
