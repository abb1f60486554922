//! Imports only go down: between the wings of `src/`, and in no circle anywhere.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};

use crate::{files, is_test, root};

/// The wings, from the ground up. Each imports from itself and from those before it.
const WINGS: [&str; 8] = ["core", "terminal", "outside", "cluster", "incident", "run", "commands", "cli"];

/// A module by its path below the crate.
type Module = Vec<String>;

/// The paths of a file that begin with `crate` or `super`, tests left out.
struct Paths<'a> {
    within: &'a Module,
    found: BTreeSet<Module>,
}

impl Paths<'_> {
    fn add(&mut self, path: &[String]) {
        let from_crate = match path.first().map(String::as_str) {
            Some("crate") => path[1..].to_vec(),
            Some("super") => {
                let up = path.iter().take_while(|part| *part == "super").count();
                let base = self.within.len().checked_sub(up).expect("super stays within the crate");
                self.within[..base].iter().chain(&path[up..]).cloned().collect()
            }
            _ => return,
        };
        self.found.insert(from_crate);
    }

    fn add_tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.add_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_tree(before, tree)),
            syn::UseTree::Name(name) => self.add(&with(&name.ident)),
            syn::UseTree::Rename(name) => self.add(&with(&name.ident)),
            syn::UseTree::Glob(_) => self.add(before),
        }
    }
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let for_tests = item.attrs.iter().any(|attribute| {
            attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
        });
        if let Some((_, items)) = item.content.as_ref().filter(|_| !for_tests) {
            let mut inner = Paths { within: &[self.within.as_slice(), &[item.ident.to_string()]].concat(), found: BTreeSet::new() };
            items.iter().for_each(|item| inner.visit_item(item));
            self.found.extend(inner.found);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.add(&path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>());
        visit::visit_path(self, path);
    }
}

/// What each module imports: modules, as deep as the path says.
fn imports() -> BTreeMap<Module, BTreeSet<Module>> {
    let sources = root().join("src");
    let mut found = BTreeMap::new();
    for path in files("src", ".rs").into_iter().filter(|path| !is_test(path)) {
        let module: Module =
            path.strip_prefix(&sources).unwrap().with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if !["lib", "main", "documented"].contains(&module[0].as_str()) {
            let text = std::fs::read_to_string(&path).unwrap();
            let mut paths = Paths { within: &module, found: BTreeSet::new() };
            paths.visit_file(&syn::parse_file(&text).unwrap());
            let paths = paths.found;
            found.insert(module, paths);
        }
    }
    let modules: BTreeSet<Module> = found.keys().cloned().collect();
    let deepest = |path: &Module| (1..=path.len()).rev().map(|length| path[..length].to_vec()).find(|module| modules.contains(module));
    found.into_iter().map(|(module, paths)| (module, paths.iter().filter_map(deepest).collect())).collect()
}

/// A name on the way around, if following what each imports leads back to where it began.
fn circle(imports: &BTreeMap<String, BTreeSet<String>>) -> Option<&String> {
    let mut left = imports.clone();
    // Who imports nothing that is left is in no circle.
    while let Some(done) =
        left.iter().find(|(_, imported)| imported.iter().all(|name| !left.contains_key(name))).map(|(name, _)| name.clone())
    {
        left.remove(&done);
    }
    let name = left.keys().next()?.clone();
    imports.keys().find(|key| **key == name)
}

#[test]
fn imports_go_down_from_wing_to_wing() {
    let height = |module: &Module| WINGS.iter().position(|wing| *wing == module[0]).unwrap_or_else(|| panic!("{module:?} is in no wing"));
    let imports = imports();
    assert!(imports.len() > 100, "{}", imports.len());
    let mut wrong = Vec::new();
    for (module, imported) in &imports {
        let up = imported.iter().filter(|other| height(other) > height(module));
        wrong.extend(up.map(|other| format!("{} imports {}, which is above it", module.join("::"), other.join("::"))));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_imports_go_in_circles() {
    // For each module, what its children import of one another.
    let mut levels: BTreeMap<Module, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for (module, imported) in &imports() {
        for other in imported {
            let common = module.iter().zip(other).take_while(|(a, b)| a == b).count();
            if let (Some(from), Some(to)) = (module.get(common), other.get(common)) {
                let level = levels.entry(module[..common].to_vec()).or_default();
                level.entry(to.clone()).or_default();
                level.entry(from.clone()).or_default().insert(to.clone());
            }
        }
    }
    assert!(levels.len() > 10, "{levels:?}");
    for (parent, children) in &levels {
        assert_eq!(circle(children), None, "below {}: {children:#?}", parent.join("::"));
    }
}

/// The judges can fail.
#[test]
fn a_circle_and_a_path_are_found() {
    let graph = |edges: &[(&str, &[&str])]| -> BTreeMap<String, BTreeSet<String>> {
        edges.iter().map(|(from, to)| ((*from).to_owned(), to.iter().map(|name| (*name).to_owned()).collect())).collect()
    };
    assert_eq!(circle(&graph(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])])), None);
    assert_eq!(circle(&graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])])).map(String::as_str), Some("a"));
    let within = vec!["run".to_owned(), "adopt".to_owned()];
    let mut paths = Paths { within: &within, found: BTreeSet::new() };
    let text = "use crate::core::{near::near, words}; use super::tell::*; use std::fmt; fn f() { super::super::cli::g::<crate::cluster::Api>() } \
                #[cfg(test)] mod tests { use crate::commands; }";
    paths.visit_file(&syn::parse_file(text).unwrap());
    let found: Vec<String> = paths.found.iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["cli::g", "cluster::Api", "core::near::near", "core::words", "run::tell"]);
}
