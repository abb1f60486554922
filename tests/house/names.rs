//! One name, one type: whoever reads a name knows what it is.

use std::collections::BTreeMap;

use syn::visit::{self, Visit};

use crate::{files, is_test, name};

/// Where each type is declared, tests left out.
#[derive(Default)]
struct Types {
    file: String,
    found: BTreeMap<String, Vec<String>>,
}

impl Types {
    fn add(&mut self, name: &syn::Ident) {
        self.found.entry(name.to_string()).or_default().push(self.file.clone());
    }
}

impl<'ast> Visit<'ast> for Types {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.ident != "tests" {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.add(&item.ident);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.add(&item.ident);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.add(&item.ident);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.add(&item.ident);
    }
}

#[test]
fn no_two_types_have_the_same_name() {
    let mut types = Types::default();
    for path in files("src", ".rs").into_iter().filter(|path| !is_test(path)) {
        types.file = name(&path);
        types.visit_file(&syn::parse_file(&std::fs::read_to_string(&path).unwrap()).unwrap());
    }
    assert!(types.found.len() > 150, "{}", types.found.len());
    types.found.retain(|_, files| files.len() > 1);
    assert!(types.found.is_empty(), "{:#?}", types.found);
}
