//! Every parser survives its fuzzing corpus, and damaged copies of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

/// Damaged copies of one seed at most. A short seed gets every octet in every place, which the parsers of packets
/// survive in a second; a long one fewer.
const COPIES: usize = 8_192;
/// In every place at least these are tried: each bit, and what texts are made of.
const FEWEST: usize = 16;

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(path)
}

/// The seeds of `target`: (name, bytes).
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = folder("corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap()))
        .collect()
}

/// What an octet becomes, most hostile first.
fn others(octet: u8) -> impl Iterator<Item = u8> {
    let bits = (0..8).map(move |bit| octet ^ 1 << bit);
    bits.chain([0, 0xFF, b'0', b' ', b'\n', b'"', b':', b'-']).chain(0..=u8::MAX)
}

#[test]
fn every_seed_that_claims_to_be_valid_is_accepted() {
    for (target, run) in fuzz::TARGETS {
        let seeds = corpus(target);
        assert!(seeds.iter().any(|(name, _)| name.starts_with("valid-")), "{target} has no valid seed");
        for (name, seed) in seeds {
            assert!(run(&seed) || !name.starts_with("valid-"), "{target}/{name} was refused");
        }
    }
}

#[test]
fn a_seed_cut_anywhere_is_survived() {
    for (target, run) in fuzz::TARGETS {
        for (_, seed) in corpus(target) {
            for len in 0..seed.len() {
                run(&seed[..len]);
            }
        }
    }
}

#[test]
fn a_seed_with_any_octet_changed_is_survived() {
    for (target, run) in fuzz::TARGETS {
        for (_, mut seed) in corpus(target) {
            let each = (COPIES / seed.len().max(1)).clamp(FEWEST, 8 + 8 + 256);
            for at in 0..seed.len() {
                let original = seed[at];
                for octet in others(original).take(each) {
                    seed[at] = octet;
                    run(&seed);
                }
                seed[at] = original;
            }
        }
    }
}

#[test]
fn every_target_has_its_file_its_binary_and_its_corpus_and_none_is_left_over() {
    let names = |path: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(folder(path)).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
    };
    let targets: BTreeSet<String> = fuzz::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(targets.len(), fuzz::TARGETS.len());
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("corpus"), targets);
    let manifest: toml::Table = fs::read_to_string(folder("Cargo.toml")).unwrap().parse().unwrap();
    let binaries = manifest["bin"].as_array().unwrap();
    let listed: BTreeSet<String> = binaries.iter().map(|bin| bin["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed, targets);
    for (name, _) in fuzz::TARGETS {
        let binary = binaries.iter().find(|bin| bin["name"].as_str() == Some(name)).unwrap();
        assert_eq!(binary["path"].as_str(), Some(format!("fuzz_targets/{name}.rs").as_str()));
        let source = fs::read_to_string(folder("fuzz_targets").join(format!("{name}.rs"))).unwrap();
        assert!(source.contains(&format!("plenum_fuzz::{name}(data)")), "{name}.rs runs another target");
    }
}
