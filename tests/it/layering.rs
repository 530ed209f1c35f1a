//! The crate root promises that its wings stand in reading order: each imports only those above it.
//! Inside a wing no files import each other in a circle; a module's own file and its parts count as one.

mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use imports::Imports;

/// The path of a module below the crate root.
type Module = Vec<String>;

/// All modules of a crate, and what each imports.
#[derive(Debug, Default)]
struct Crate(BTreeMap<Module, Imports>);

impl Crate {
    /// Reads the modules below a folder, but the command's and those of tests.
    fn read(folder: &Path) -> Self {
        let mut found = Self::default();
        found.read_folder(folder, &[]);
        found
    }

    fn read_folder(&mut self, folder: &Path, parent: &[String]) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let mut module = [parent, std::slice::from_ref(&name)].concat();
            if path.is_dir() && name != "bin" && name != "tests" {
                self.read_folder(&path, &module);
            } else if path.extension().is_some_and(|end| end == "rs") && name != "tests" {
                if parent.is_empty() && name == "lib" {
                    module.clear();
                }
                self.add(module, &fs::read_to_string(path).unwrap());
            }
        }
    }

    fn add(&mut self, module: Module, source: &str) {
        self.0.insert(module, Imports::parse(source));
    }

    /// The path from the crate root that a path in a module means; `None` for another crate's.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Module> {
        let first = path.first()?.as_str();
        match first {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some([module, &path[1..]].concat()),
            "super" => {
                let up = path.iter().take_while(|segment| *segment == "super");
                let up = up.count();
                let base = &module[..module.len().checked_sub(up)?];
                Some([base, &path[up..]].concat())
            }
            _ => {
                let child = [module, &path[..1]].concat();
                let is_child = self.0.contains_key(&child);
                is_child.then(|| [module, path].concat())
            }
        }
    }

    /// The module that defines what a path from the crate root names, through re-exports.
    fn defining(&self, path: &[String]) -> Module {
        let mut module = Module::new();
        for (at, segment) in path.iter().enumerate() {
            let child = [&module[..], std::slice::from_ref(segment)].concat();
            if self.0.contains_key(&child) {
                module = child;
                continue;
            }
            let uses = self.0.get(&module).map_or(&[][..], |found| &found.uses);
            let import = uses.iter().find(|import| import.name == *segment);
            let target = import.and_then(|import| self.absolute(&module, &import.path));
            return match target {
                Some(target) if target != path => {
                    self.defining(&[&target[..], &path[at + 1..]].concat())
                }
                _ => module,
            };
        }
        module
    }

    /// The modules that a module imports; a re-export of one's own parts is no import.
    fn imported(&self, module: &Module) -> BTreeSet<Module> {
        let imports = &self.0[module];
        let own = imports.uses.iter();
        let own = own.filter(|import| !(import.is_public && import.path[0] != "crate"));
        let paths = own.map(|import| &import.path).chain(&imports.inline);
        paths
            .filter_map(|path| self.absolute(module, path))
            .map(|path| self.defining(&path))
            .filter(|target| target != module && !target.is_empty())
            .collect()
    }

    /// Imports from a wing to one that stands below it.
    fn upward(&self, wings: &[String]) -> Vec<String> {
        let place = |wing: &String| wings.iter().position(|known| known == wing);
        let mut found = Vec::new();
        for module in self.0.keys().filter(|module| !module.is_empty()) {
            let own = place(&module[0]).expect("the wing is declared");
            for target in self.imported(module) {
                if place(&target[0]).is_none_or(|place| place > own) {
                    found.push(format!("{} imports {}", show(module), show(&target)));
                }
            }
        }
        found
    }

    /// The circles among the parts of one module.
    fn circles(&self) -> Vec<String> {
        let mut arrows = BTreeMap::<Module, BTreeMap<String, BTreeSet<String>>>::new();
        for module in self.0.keys() {
            for target in self.imported(module) {
                let shared = module.iter().zip(&target);
                let depth = shared.take_while(|(left, right)| left == right).count();
                if let (Some(from), Some(to)) = (module.get(depth), target.get(depth)) {
                    let parts = arrows.entry(module[..depth].to_vec()).or_default();
                    parts.entry(from.clone()).or_default().insert(to.clone());
                }
            }
        }
        let in_circles = arrows.iter().filter_map(|(parent, parts)| {
            let part = parts.keys().find(|part| reaches(parts, part, part))?;
            Some(format!("{} by way of {part}", show(parent)))
        });
        in_circles.collect()
    }
}

fn reaches(arrows: &BTreeMap<String, BTreeSet<String>>, from: &str, to: &str) -> bool {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(part) = next.pop() {
        for target in arrows.get(part).into_iter().flatten() {
            if target == to {
                return true;
            }
            if seen.insert(target.as_str()) {
                next.push(target);
            }
        }
    }
    false
}

fn show(module: &[String]) -> String {
    module.join("::")
}

/// The wings in the order of the crate root.
fn wings(root: &str) -> Vec<String> {
    let declared = |line: &str| {
        let line = line.strip_prefix("pub ").unwrap_or(line);
        let name = line.strip_prefix("mod ")?.strip_suffix(';')?;
        Some(name.to_owned())
    };
    root.lines().filter_map(declared).collect()
}

fn example(modules: &[(&str, &str)]) -> Crate {
    let mut found = Crate::default();
    found.add(Module::new(), "");
    for (module, source) in modules {
        found.add(module.split("::").map(str::to_owned).collect(), source);
    }
    found
}

#[test]
fn a_wing_imports_only_those_above_it_and_no_files_import_each_other_in_a_circle() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let root = fs::read_to_string(source.join("lib.rs")).unwrap();
    let code = root
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("//"));
    assert!(code.count() <= 60 && root.matches("cfg_attr").count() <= 1);
    let wings = wings(&root);
    assert!(wings.len() > 10, "{wings:?}");
    let found = Crate::read(&source);
    let imports = found.0.keys().map(|module| found.imported(module).len());
    assert!(imports.sum::<usize>() > 1_000);
    assert_eq!(found.upward(&wings), Vec::<String>::new());
    assert_eq!(found.circles(), Vec::<String>::new());
}

#[test]
fn an_import_of_a_wing_below_is_found_in_every_form() {
    let wings = wings("pub mod low;\n\nmod middle;\n// mod not_this;\nmod high;\npub use low::X;");
    assert_eq!(wings, ["low", "middle", "high"]);
    let upward = |source: &str| {
        let modules = [
            ("low", "pub struct A;"),
            ("middle", source),
            ("middle::part", "struct B;"),
            ("high", "mod part;\npub use part::C;"),
            ("high::part", "pub struct C;"),
        ];
        example(&modules).upward(&wings)
    };
    let to_part = ["middle imports high::part"];
    assert_eq!(upward("use crate::high::C;"), to_part);
    assert_eq!(upward("fn f() -> crate::high::part::C {}"), to_part);
    assert_eq!(upward("use crate::{low::{A, B}, high::C as D};"), to_part);
    assert_eq!(
        upward("use crate::{\n    low::A,\n    high::C,\n};"),
        to_part
    );
    assert_eq!(upward("pub use crate::high::part::{self};"), to_part);
    assert_eq!(
        upward("fn f() { super::high::g() }"),
        ["middle imports high"]
    );
    let fine = |source: &str| upward(source).is_empty();
    assert!(fine("use crate::low::A;\nuse crate::middle::B;"));
    assert!(fine("use crate::{low, middle::{high, B}};\nuse std::high;"));
    assert!(fine("/// See [`high`](crate::high).\nstruct S;"));
    assert!(fine(
        "#[cfg(test)]\nmod tests {\n    use crate::high::C;\n}\n"
    ));
}

#[test]
fn a_circle_is_found_through_re_exports_and_parts() {
    let circles = |left: &str, right: &str| {
        let modules = [
            (
                "wing",
                "mod left;\nmod right;\npub(crate) use right::Right;",
            ),
            ("wing::left", left),
            ("wing::right", "mod part;\npub(crate) use part::Right;"),
            ("wing::right::part", right),
        ];
        example(&modules).circles()
    };
    let circle = ["wing by way of left"];
    let to_left = "use super::super::left::Left;\npub struct Right;";
    assert_eq!(circles("use super::Right;", to_left), circle);
    assert_eq!(circles("use super::right::part::{Right};", to_left), circle);
    assert!(circles("use super::Right;", "use super::super::Other;").is_empty());
    assert!(circles("pub struct Left;", to_left).is_empty());
}
