//! The four things that a member can publish, and sets of them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ts_rs::TS;

/// One of the tracks of a member.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, TS, clap::ValueEnum)]
#[serde(rename_all = "camelCase")]
#[value(rename_all = "camelCase")]
pub enum TrackKind {
    Microphone,
    Camera,
    Screen,
    ScreenAudio,
}

impl TrackKind {
    pub const ALL: [TrackKind; 4] =
        [TrackKind::Microphone, TrackKind::Camera, TrackKind::Screen, TrackKind::ScreenAudio];

    /// As it stands in tokens and payloads.
    pub fn name(self) -> &'static str {
        match self {
            TrackKind::Microphone => "microphone",
            TrackKind::Camera => "camera",
            TrackKind::Screen => "screen",
            TrackKind::ScreenAudio => "screenAudio",
        }
    }
}

impl fmt::Display for TrackKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of track kinds; a list of their names in JSON.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct KindSet(u8);

impl KindSet {
    pub const NONE: KindSet = KindSet(0);
    pub const ALL: KindSet = KindSet(0b1111);

    pub fn contains(self, kind: TrackKind) -> bool {
        self.0 & bit(kind) != 0
    }

    pub fn with(self, kind: TrackKind) -> KindSet {
        KindSet(self.0 | bit(kind))
    }

    pub fn union(self, other: KindSet) -> KindSet {
        KindSet(self.0 | other.0)
    }

    pub fn intersection(self, other: KindSet) -> KindSet {
        KindSet(self.0 & other.0)
    }

    /// What is in `self` and not in `other`.
    pub fn without(self, other: KindSet) -> KindSet {
        KindSet(self.0 & !other.0)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// [`KindSet::is_empty`] for serde.
    pub fn is_nothing(&self) -> bool {
        self.is_empty()
    }

    pub fn iter(self) -> impl Iterator<Item = TrackKind> {
        TrackKind::ALL.into_iter().filter(move |kind| self.contains(*kind))
    }
}

fn bit(kind: TrackKind) -> u8 {
    1 << kind as u8
}

impl FromIterator<TrackKind> for KindSet {
    fn from_iter<I: IntoIterator<Item = TrackKind>>(kinds: I) -> Self {
        kinds.into_iter().fold(KindSet::NONE, KindSet::with)
    }
}

impl fmt::Debug for KindSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// `microphone, camera`, for sentences.
impl fmt::Display for KindSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, kind) in self.iter().enumerate() {
            write!(f, "{}{kind}", if index > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

impl Serialize for KindSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for KindSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<TrackKind>::deserialize(deserializer).map(KindSet::from_iter)
    }
}
