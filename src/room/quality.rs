//! How well members hear and see one another: told to those who receive, and trouble also to those who send.

use super::outbox::Push;
use super::room::Room;
use crate::border::{self, Received};
use crate::id::SourceId;
use crate::media::quality;
use crate::media::spec::Codec;
use crate::signal::protocol::{CodecName, MemberTrouble, PictureLayer, Quality, SourceQuality, Trouble};

impl Room {
    /// Takes how a member receives what it should, the whole of it.
    pub(super) fn quality(&mut self, index: usize, received: Vec<Received>) {
        if let Some(member) = self.members.get_mut(index) {
            member.received = received;
        }
        self.review_quality(index);
    }

    /// Tells a member of each source whose quality changed, and their senders of trouble that began or ended.
    pub(super) fn review_quality(&mut self, index: usize) {
        let fresh = self.quality_of(index);
        let Some(member) = self.members.get_mut(index) else { return };
        let id = member.id.clone();
        let before = std::mem::replace(&mut member.quality, fresh);
        let gone = before.iter().filter(|old| entry(&member.quality, old.source).is_none());
        let gone = gone.map(|old| unknown(old.source));
        let changed = member.quality.iter().filter(|new| entry(&before, new.source) != Some(new)).copied();
        let sources: Vec<SourceQuality> = changed.chain(gone).collect();
        if sources.is_empty() {
            return;
        }
        member.tell(&Push::Quality(Quality { sources: sources.clone() }));
        for now in sources {
            let then = entry(&before, now.source).map(troubles).unwrap_or_default();
            if troubles(&now) != then
                && let Some(sender) = self.members.iter().find(|member| member.own().contains(&now.source))
            {
                let [sound, picture] = troubles(&now);
                let trouble = MemberTrouble { source: now.source, member: id.clone(), sound, picture };
                sender.tell(&Push::Trouble(trouble));
            }
        }
    }

    /// Tells a client that has just come who has trouble with what it sends.
    pub(super) fn tell_troubles(&self, index: usize) {
        let Some(sender) = self.members.get(index) else { return };
        for member in &self.members {
            for quality in member.quality.iter().filter(|quality| sender.own().contains(&quality.source)) {
                let [sound, picture] = troubles(quality);
                if sound.is_some() || picture.is_some() {
                    let (source, member) = (quality.source, member.id.clone());
                    sender.tell(&Push::Trouble(MemberTrouble { source, member, sound, picture }));
                }
            }
        }
    }

    /// What the shard reported, and beside it the sources that cannot be seated because nobody could decode them.
    fn quality_of(&self, index: usize) -> Vec<SourceQuality> {
        let Some(member) = self.members.get(index) else { return Vec::new() };
        let mut all: Vec<SourceQuality> = member.received.iter().map(told).collect();
        for source in &member.seats.unsupported_codec {
            let Some(codec) = self.sources.get(source).and_then(|state| state.video) else { continue };
            let trouble = Some(Trouble::UnsupportedCodec { codec: codec.into() });
            match all.iter_mut().find(|quality| quality.source == *source) {
                Some(quality) => quality.picture_trouble = trouble,
                None => all.push(SourceQuality { picture_trouble: trouble, ..unknown(*source) }),
            }
        }
        all
    }
}

fn entry(all: &[SourceQuality], source: SourceId) -> Option<&SourceQuality> {
    all.iter().find(|quality| quality.source == source)
}

fn troubles(quality: &SourceQuality) -> [Option<Trouble>; 2] {
    [quality.sound_trouble, quality.picture_trouble]
}

/// A source of which nothing is known any more.
fn unknown(source: SourceId) -> SourceQuality {
    SourceQuality { source, sound: None, picture: None, sound_trouble: None, picture_trouble: None, layer: None }
}

fn told(received: &Received) -> SourceQuality {
    let score = |score: Option<quality::Score>| score.map(|score| f32::from(score.tenths()) / 10.0);
    SourceQuality {
        source: received.source,
        sound: score(received.sound.score),
        picture: score(received.picture.score),
        sound_trouble: received.sound.trouble.map(Trouble::from),
        picture_trouble: received.picture.trouble.map(Trouble::from),
        layer: received.layer.map(PictureLayer::from),
    }
}

impl From<quality::Trouble> for Trouble {
    fn from(trouble: quality::Trouble) -> Self {
        match trouble {
            quality::Trouble::NoPackets => Trouble::NoPackets,
            quality::Trouble::NoKeyFrame => Trouble::NoKeyFrame,
            quality::Trouble::PausedForBandwidth { needs } => Trouble::PausedForBandwidth { needs },
            quality::Trouble::UnsupportedCodec(codec) => Trouble::UnsupportedCodec { codec: codec.into() },
        }
    }
}

impl From<border::PictureLayer> for PictureLayer {
    fn from(layer: border::PictureLayer) -> Self {
        let border::PictureLayer { spatial, spatials, temporal, temporals } = layer;
        PictureLayer { spatial, spatials, temporal, temporals }
    }
}

impl From<Codec> for CodecName {
    fn from(codec: Codec) -> Self {
        match codec {
            Codec::Opus | Codec::Red => CodecName::Opus,
            Codec::Vp8 => CodecName::Vp8,
            Codec::Vp9 { .. } => CodecName::Vp9,
            Codec::H264 { .. } => CodecName::H264,
            Codec::Av1 { .. } => CodecName::Av1,
        }
    }
}
