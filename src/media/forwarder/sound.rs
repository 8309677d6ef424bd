//! A room's sound: who is heard, who dominates, who is about to, and on which line each subscriber hears whom.

use super::*;
use crate::media::congestion::Kind;
use crate::media::dominant::{Dominance, Loudest, Voice};
use crate::media::spec::DownlinkSpec;

/// Voices forwarded in a large room: with more at once nobody is understood.
const HEARD: usize = 3;
/// A voice begins on a line with what it said in this time: more than it takes to be known for one, and less than
/// would be heard as a delay.
const LOOK_BACK: Duration = Duration::from_millis(100);
/// Packets of that time: the shortest that browsers make are 10 ms.
const LOOK_BACK_PACKETS: u64 = 10;
/// Between two decisions out of turn because somebody begins: one packet.
const SOONEST: Duration = Duration::from_millis(20);
/// A key frame that a rising speaker was asked for is worth a replay for this long.
const ASKED_EARLY: Duration = Duration::from_secs(1);

/// Members of a room beyond which only the loudest are forwarded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Crowd(pub(super) usize);

/// What the shard knows of one room's sound.
#[derive(Default)]
pub(super) struct RoomSound {
    sources: Vec<SourceId>,
    members: usize,
    dominance: Dominance,
    loudest: Loudest,
    /// Who is forwarded, when not everybody is.
    heard: Option<SmallVec<[SourceId; HEARD]>>,
    reviewed: Option<Instant>,
    /// Of those, and of screens, who sends sound that may be forwarded.
    audible: Vec<SourceId>,
    reported: bool,
}

impl Forwarder {
    /// In rooms of more than `members`, only the three loudest are forwarded. To be said before the first browser is
    /// there.
    pub fn set_loudest_above(&mut self, members: usize) {
        self.crowd = Crowd(members);
    }

    pub(super) fn room_gains_source(&mut self, id: SourceId, room: RoomKey) {
        let sources = &mut self.rooms.entry(room).or_default().sources;
        if !sources.contains(&id) {
            sources.push(id);
        }
    }

    pub(super) fn room_loses_source(&mut self, id: SourceId, room: RoomKey) {
        let Some(sound) = self.rooms.get_mut(&room) else { return };
        sound.sources.retain(|source| *source != id);
        sound.dominance.forget(id);
        self.forget_if_empty(room);
    }

    pub(super) fn room_gains_member(&mut self, room: RoomKey) {
        self.rooms.entry(room).or_default().members += 1;
    }

    pub(super) fn room_loses_member(&mut self, room: RoomKey) {
        let Some(sound) = self.rooms.get_mut(&room) else { return };
        sound.members = sound.members.saturating_sub(1);
        self.forget_if_empty(room);
    }

    fn forget_if_empty(&mut self, room: RoomKey) {
        if self.rooms.get(&room).is_some_and(|sound| sound.sources.is_empty() && sound.members == 0) {
            self.rooms.remove(&room);
        }
    }

    /// Takes stock of every room's voices, and tells who is audible.
    pub(super) fn review_sound(&mut self, now: Instant) {
        let rooms: SmallVec<[RoomKey; 16]> = self.rooms.keys().copied().collect();
        for key in rooms {
            self.review_room(now, key);
            self.tell_levels(key);
        }
    }

    /// Decides who dominates a room, who rises and who is heard.
    fn review_room(&mut self, now: Instant, key: RoomKey) {
        let Forwarder { rooms, sources, news, crowd, feeds, .. } = self;
        let Some(room) = rooms.get_mut(&key) else { return };
        room.reviewed = Some(now);
        for id in &room.sources {
            if let Some(source) = sources.get_mut(id) {
                source.voice.review(now);
            }
        }
        let RoomSound { sources: all, dominance, loudest, .. } = room;
        let voices = all.iter().filter_map(|id| {
            let source = sources.get(id).filter(|source| source.speaks_for_somebody())?;
            Some((*id, &source.voice))
        });
        let rising = dominance.rising();
        if dominance.review(voices.clone())
            && feeds.leads(key)
            && let Some(dominant) = dominance.dominant()
        {
            news.push(News::Dominant(key, dominant));
        }
        let rose = dominance.rising().filter(|id| rising != Some(*id));
        room.heard = if feeds.members(key).unwrap_or(room.members) > crowd.0 {
            loudest.review(now, HEARD, voices.clone());
            Some(with_the_rest(loudest.chosen(), room.heard.as_deref().unwrap_or_default(), HEARD, voices))
        } else {
            None
        };
        self.close_gates(key);
        if let Some(id) = rose {
            self.ask_early(now, id);
        }
    }

    /// Ends what is not heard any more on all lines; what is heard again opens them by itself.
    fn close_gates(&mut self, key: RoomKey) {
        let Forwarder { rooms, sources, subscribers, .. } = self;
        let Some(room) = rooms.get(&key) else { return };
        for id in &room.sources {
            let Some(source) = sources.get_mut(id) else { continue };
            let heard = source.spec.kind == SourceKind::Screen || room.heard.as_ref().is_none_or(|h| h.contains(id));
            if std::mem::replace(&mut source.heard, heard) && !heard {
                for route in source.routes[kind_index(MediaKind::Audio)].iter().flatten() {
                    if let Some(Some(subscriber)) = subscribers.get_mut(route.peer) {
                        subscriber.downlink.rest(route.line);
                    }
                }
            }
        }
        let hearable = |id: &&SourceId| {
            let source = sources.get(*id);
            source.is_some_and(|s| s.heard && s.seen.audio.is_some() && s.spec.audio_allowed && s.is_carried())
        };
        if let Some(room) = rooms.get_mut(&key) {
            room.audible.clear();
            room.audible.extend(room.sources.iter().filter(hearable).copied());
        }
    }

    /// Tells who is audible in a room, the loudest first.
    fn tell_levels(&mut self, key: RoomKey) {
        let Forwarder { rooms, sources, news, feeds, .. } = self;
        let Some(room) = rooms.get_mut(&key).filter(|_| feeds.leads(key)) else { return };
        let audible = room.sources.iter().filter_map(|id| {
            let source = sources.get(id).filter(|source| source.seen.audio.is_some())?;
            Some(SourceLevel { source: *id, level: source.voice.loudness()?, rate: Bps(0) })
        });
        let mut levels: Vec<SourceLevel> = audible.collect();
        levels.sort_by_key(|level| (level.level, level.source));
        if std::mem::replace(&mut room.reported, !levels.is_empty()) || !levels.is_empty() {
            news.push(News::Levels(key, levels));
        }
    }

    /// Somebody may begin to speak: decides at once, so that the look-back reaches the beginning.
    pub(super) fn review_beginning(&mut self, now: Instant, id: SourceId) {
        let Some(source) = self.sources.get(&id).filter(|source| source.voice.begins()) else { return };
        let key = source.spec.room;
        let due = |room: &RoomSound| room.reviewed.is_none_or(|last| now.saturating_duration_since(last) >= SOONEST);
        if !self.rooms.get(&key).is_some_and(due) {
            return;
        }
        self.review_room(now, key);
        for peer in 0..self.subscribers.len() {
            if let Some(Some(subscriber)) = self.subscribers.get(peer)
                && subscriber.ready
                && subscriber.room == key
                && !subscriber.hears(id)
            {
                self.review_audio_lines(now, peer);
            }
        }
    }

    /// Asks a speaker who is about to dominate for key frames, when somebody who watches does not have the picture: so
    /// it is there when the seats change.
    fn ask_early(&mut self, now: Instant, id: SourceId) {
        let Forwarder { subscribers, publishers, sources, .. } = self;
        let Some(source) = sources.get_mut(&id).filter(|source| source.spec.video_allowed) else { return };
        if !source.is_carried() {
            return;
        }
        let lacks = |(index, subscriber): (usize, &Subscriber)| {
            let seats = subscriber.spec.downlinks.iter().any(|line| line.kind == MediaKind::Video && line.active);
            let shown = source.routes[kind_index(MediaKind::Video)].iter().flatten().any(|route| route.peer == index);
            source.peer != Some(index) && subscriber.ready && subscriber.room == source.spec.room && seats && !shown
        };
        let mut watching = subscribers.iter().enumerate().filter_map(|(index, s)| Some((index, s.as_ref()?)));
        if !watching.any(lacks) {
            return;
        }
        if let Some(fed) = &mut source.fed {
            fed.ask_for_all();
            source.asked_early = Some(now);
            self.rerouted = true;
            return;
        }
        let Some(peer) = source.peer else { return };
        let Some(Some(publisher)) = publishers.get_mut(peer) else { return };
        let role = source.spec.kind.video_role();
        for layer in 0..publisher.uplink.layers(role).len() {
            if publisher.uplink.layers(role)[layer].alive(now) {
                publisher.uplink.request_key_frame(now, role, layer);
                source.asked_early = Some(now);
            }
        }
        self.note_feedback(peer);
    }

    /// Gives each audio-only line of `peer` to somebody who is heard and sits nowhere, the loudest first, and moves
    /// voices to the lines where they belong, at silence.
    pub(super) fn review_audio_lines(&mut self, now: Instant, peer: usize) {
        let Forwarder { subscribers, sources, rooms, .. } = self;
        let Some(Some(subscriber)) = subscribers.get_mut(peer) else { return };
        let Some(room) = rooms.get(&subscriber.room) else { return };
        let lines = subscriber.audio_only().count();
        let others = |id: &&SourceId| sources.get(*id).is_some_and(|source| source.peer != Some(peer));
        let candidates = room.audible.iter().filter(others).filter(|id| subscriber.needs_line(**id));
        let candidates: SmallVec<[SourceId; 16]> = candidates.copied().collect();
        let voices = candidates.iter().filter_map(|id| Some((*id, &sources.get(id)?.voice)));
        subscriber.loudest.review(now, lines, voices.clone());
        let present: SmallVec<[SourceId; 4]> = subscriber.audio_lines.iter().map(|(_, source)| *source).collect();
        let extra = with_the_rest(subscriber.loudest.chosen(), &present, lines, voices);
        let changed = subscriber.extra != extra;
        subscriber.extra = extra;
        if changed || self.misplaced(peer) {
            self.seat(now, peer);
        }
    }

    fn misplaced(&self, peer: usize) -> bool {
        let Some(Some(subscriber)) = self.subscribers.get(peer) else { return false };
        subscriber.place_sound(&self.sources).iter().any(|(line, source)| subscriber.shown[*line] != *source)
    }

    /// Tells who is on which audio-only line of `peer`, when that changed.
    pub(super) fn tell_audio_lines(&mut self, peer: usize) {
        let Some(Some(subscriber)) = self.subscribers.get_mut(peer) else { return };
        let given = subscriber.audio_only().filter_map(|(index, line)| Some((line, subscriber.shown[index]?)));
        let mut given: Vec<(AudioLineId, SourceId)> = given.collect();
        given.sort_unstable();
        if given != subscriber.audio_lines {
            subscriber.audio_lines = given.clone();
            self.news.push(News::AudioLines(subscriber.transport, given));
        }
    }
}

/// The chosen ones, and in the places that are left whoever else is there: those that have a place already, then the
/// loudest.
fn with_the_rest<'a, A: smallvec::Array<Item = SourceId>>(
    chosen: &[SourceId],
    present: &[SourceId],
    count: usize,
    voices: impl Iterator<Item = (SourceId, &'a Voice)>,
) -> SmallVec<A> {
    let mut all: SmallVec<A> = chosen.iter().copied().take(count).collect();
    if all.len() < count {
        let rest = voices.filter(|(id, _)| !all.contains(id));
        let mut rest: SmallVec<[(bool, u8, SourceId); 16]> =
            rest.map(|(id, voice)| (!present.contains(&id), voice.level(), id)).collect();
        rest.sort_unstable();
        let free = count - all.len();
        all.extend(rest.into_iter().take(free).map(|(_, _, id)| id));
    }
    all
}

impl Source {
    /// Whether its voice counts: a microphone that sends and may. What a screen plays is no speaker.
    fn speaks_for_somebody(&self) -> bool {
        self.spec.kind == SourceKind::Camera && self.spec.audio_allowed && self.seen.audio.is_some()
    }

    /// Whether somebody begins to speak, since stock was taken last.
    pub(super) fn begins(&self) -> bool {
        !self.voice.starts() && self.voice.begins()
    }

    /// Whether it was asked for key frames because it was about to dominate.
    pub(super) fn was_asked_early(&self, now: Instant) -> bool {
        self.asked_early.is_some_and(|at| now.saturating_duration_since(at) < ASKED_EARLY)
    }
}

impl Subscriber {
    /// Audio-only lines that it receives, by index.
    fn audio_only(&self) -> impl Iterator<Item = (usize, AudioLineId)> + '_ {
        self.spec.downlinks.iter().enumerate().filter_map(|(index, spec)| match spec.place {
            Place::AudioLine(line) if spec.active => Some((index, line)),
            _ => None,
        })
    }

    /// Whether `source` is on one of its audio lines.
    fn hears(&self, source: SourceId) -> bool {
        let lines = self.spec.downlinks.iter().zip(&self.shown);
        lines.into_iter().any(|(line, shown)| line.kind == MediaKind::Audio && *shown == Some(source))
    }

    /// The audio line of the seat in which `source` sits.
    fn home(&self, source: SourceId) -> Option<usize> {
        let seat = self.plan.seats.iter().find(|seated| seated.source == source)?.seat;
        let is_home =
            |line: &DownlinkSpec| line.kind == MediaKind::Audio && line.active && line.place == Place::Seat(seat);
        self.spec.downlinks.iter().position(is_home)
    }

    /// Whether `source` can be heard on an audio-only line alone: it sits nowhere, or its seat's line is still taken.
    fn needs_line(&self, source: SourceId) -> bool {
        self.home(source).is_none_or(|home| self.shown.get(home).copied().flatten().is_some_and(|on| on != source))
    }

    /// Who shall be on each audio line. Nobody is on two, and who speaks stays where it is until a pause.
    pub(super) fn place_sound(
        &self,
        sources: &HashMap<SourceId, Source, ahash::RandomState>,
    ) -> SmallVec<[(usize, Option<SourceId>); 16]> {
        let lines = self.spec.downlinks.iter().enumerate().filter(|(_, line)| line.kind == MediaKind::Audio);
        let mut placed: SmallVec<[(usize, Option<SourceId>); 16]> = lines
            .map(|(index, line)| {
                let stays = self.shown.get(index).copied().flatten().filter(|id| {
                    let Some(source) = sources.get(id).filter(|_| line.active) else { return false };
                    let belongs = match self.home(*id) {
                        Some(home) => home == index,
                        None => matches!(line.place, Place::AudioLine(_)) && self.extra.contains(id),
                    };
                    belongs || (source.heard && source.voice.loudness().is_some())
                });
                (index, stays)
            })
            .collect();
        let is_placed = |placed: &[(usize, Option<SourceId>)], id| placed.iter().any(|(_, on)| *on == Some(id));
        for seated in &self.plan.seats {
            let id = seated.source;
            if let Some(home) = self.home(id).filter(|_| sources.contains_key(&id) && !is_placed(&placed, id))
                && let Some((_, on)) = placed.iter_mut().find(|(index, on)| *index == home && on.is_none())
            {
                *on = Some(id);
            }
        }
        for id in self.extra.iter().filter(|id| sources.contains_key(id)) {
            if !is_placed(&placed, *id)
                && let Some(index) = self
                    .audio_only()
                    .map(|(index, _)| index)
                    .find(|index| placed.iter().any(|(line, on)| line == index && on.is_none()))
                && let Some((_, on)) = placed.iter_mut().find(|(line, _)| *line == index)
            {
                *on = Some(*id);
            }
        }
        // Whose line another still speaks on takes any that is free, the one it has before others.
        for id in self.plan.seats.iter().map(|seated| seated.source).filter(|id| sources.contains_key(id)) {
            let active = |line: usize| self.spec.downlinks.get(line).is_some_and(|line| line.active);
            let free = |(line, on): &(usize, Option<SourceId>)| on.is_none() && active(*line);
            let has = |(line, _): &(usize, Option<SourceId>)| self.shown.get(*line).copied().flatten() == Some(id);
            if !is_placed(&placed, id)
                && let Some(index) =
                    placed.iter().position(|place| free(place) && has(place)).or_else(|| placed.iter().position(free))
            {
                placed[index].1 = Some(id);
            }
        }
        placed
    }

    /// Opens `line` with what `source` said in the last 100 ms: as far as the line, which carried another voice or the
    /// same one before, can still take it. What `arrived` now is taken in any case; it need not be the newest.
    pub(super) fn look_back(
        &mut self,
        now: Instant,
        route: Route,
        (source, layer): (SourceId, usize),
        ring: &Ring,
        arrived: ExtSeq,
        sink: &mut impl Sink,
    ) {
        let newest = ring.newest().map_or(arrived, |newest| newest.max(arrived));
        let oldest = match self.moved[route.line] {
            // The other line has sent what is newer.
            true if arrived < newest => return,
            true => newest.0,
            false => newest.0.saturating_sub(LOOK_BACK_PACKETS),
        };
        self.moved[route.line] = false;
        let recent = |packet: &PacketRef<'_>| now.saturating_duration_since(packet.info.arrival) <= LOOK_BACK;
        for seq in oldest..=newest.0 {
            let Some(packet) = ring.get(ExtSeq(seq)).filter(recent) else { continue };
            if seq != arrived.0 && !self.downlink.has_room_for(route.line, packet.info) {
                continue;
            }
            self.send(now, route.peer, Kind::Media, sink, |downlink, out| {
                downlink.forward(now, route.line, source, layer, packet, out)
            });
        }
    }
}
