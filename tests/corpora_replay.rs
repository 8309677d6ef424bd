//! Every parser survives its fuzzing corpus, and damaged copies of it.

use std::fs;
use std::path::Path;

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

/// The seeds of `target`: (name, bytes).
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap()))
        .collect()
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
            for at in 0..seed.len() {
                let original = seed[at];
                for octet in 0..=u8::MAX {
                    seed[at] = octet;
                    run(&seed);
                }
                seed[at] = original;
            }
        }
    }
}
