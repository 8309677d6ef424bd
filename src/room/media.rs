//! A room's side of the media plane: offers, sources, seats, levels and data-channel messages.

use std::sync::Arc;
use std::time::Instant;

use super::link::{self, Opening, Outcome};
use super::outbox::{LinkId, Push};
use super::plane::Purpose;
use super::room::{Room, not_joined};
use super::stage::{Picture, Seated, Staging, View, stage};
use super::{data, member::Resident};
use crate::access::Action;
use crate::border::{
    ConnectionState, ControlState, DataMessage, LayerDemand, MediaSample, MediaState, SeatPlan, SeatedSource,
    SourceKind, SourceSpec, TransportSpec,
};
use crate::id::{AudioLineId, Bps, SeatId, SourceId, TransportId};
use crate::media::spec::MediaSpec;
use crate::signal::protocol::{
    Answer, Connection, ConnectionPhase, ErrorBody, Layers, Media, Offer, Paused, PausedSource, Seats, Wishes,
};

impl Room {
    pub(super) fn offer(&mut self, link: LinkId, offer: Offer, now: Instant) -> Result<Answer, ErrorBody> {
        self.offer_for(link, offer, Purpose::Call, now)
    }

    pub(super) fn offer_for(
        &mut self,
        link: LinkId,
        offer: Offer,
        purpose: Purpose,
        now: Instant,
    ) -> Result<Answer, ErrorBody> {
        let index = self.find(link).ok_or_else(not_joined)?;
        let Some(member) = self.members.get_mut(index) else { return Err(not_joined()) };
        let opening = Opening {
            room: self.key,
            plane: &*self.shared.plane,
            negotiator: &*self.shared.negotiator,
            next_id: &|| self.shared.next_transport(),
            purpose,
        };
        let (outcome, answer) = link::apply(member.connection.as_mut(), offer, &opening)?;
        let replaced = match outcome {
            Outcome::Repeated => None,
            Outcome::Renegotiated => {
                self.put_transport(index);
                None
            }
            Outcome::New(connection) => {
                let old = self.install(index, *connection, now);
                self.put_transport(index);
                old
            }
        };
        self.restage_around(self.members.get(index).is_some_and(Resident::shows), Some(index));
        if let Some(old) = replaced {
            self.close(old);
        }
        Ok(answer)
    }

    /// Makes `connection` the member's; returns the one it replaces.
    fn install(&mut self, index: usize, connection: link::Connection, now: Instant) -> Option<TransportId> {
        self.shared.routes.add_transport(self.key, connection.id);
        let (mut old, mut paused) = (None, false);
        self.change(index, None, |member| {
            old = member.connection.replace(connection).map(|connection| connection.id);
            member.seats = Seats::default();
            member.plan = Arc::default();
            member.audio_lines.clear();
            member.undecodable.clear();
            paused = !std::mem::take(&mut member.paused).sources.is_empty();
            member.demand.clear();
            // A new connection sends as it was first told to: the next review tells it anew.
            member.codecs = None;
            member.note_life(now);
        });
        // Of a new connection the shard tells what begins to be held back, not that nothing is.
        if let Some(member) = self.members.get(index).filter(|_| paused) {
            member.tell(&Push::Paused(Paused::default()));
        }
        self.quality(index, Vec::new());
        old
    }

    fn put_transport(&self, index: usize) {
        let Some(member) = self.members.get(index) else { return };
        let Some(connection) = &member.connection else { return };
        let mut spec = connection.spec.clone();
        if !member.may(Action::Subscribe, self.facts.rules) {
            // Lines that the shard does not know carry nothing, audio-only ones included.
            let media = MediaSpec { downlinks: Vec::new(), ..(*spec.media).clone() };
            spec = Arc::new(TransportSpec { media: Arc::new(media), ..(*spec).clone() });
        }
        self.put(ControlState::Transport(connection.id, Some(spec)));
        self.put_sources(index);
    }

    /// Tells the shards which of a member's lines may be forwarded.
    pub(super) fn put_sources(&self, index: usize) {
        let Some(member) = self.members.get(index) else { return };
        let Some(connection) = &member.connection else { return };
        // What is on is permitted; that nothing else is ever forwarded must not hang on every caller.
        let media = Media::from(member.media.kinds().intersection(member.standing(self.facts.rules).publishable()));
        let kinds = [
            (SourceKind::Camera, member.camera, media.microphone, media.camera),
            (SourceKind::Screen, member.screen, media.screen_audio, media.screen),
        ];
        for (kind, id, audio_allowed, video_allowed) in kinds {
            let (room, transport, shard) = (self.key, connection.id, connection.spec.shard);
            let spec = SourceSpec { id, room, transport, shard, kind, audio_allowed, video_allowed };
            self.put(ControlState::Source(id, Some(spec)));
        }
    }

    pub(super) fn close(&self, transport: TransportId) {
        self.shared.routes.remove_transport(transport);
        self.put(ControlState::Transport(transport, None));
    }

    /// Gives out everybody's seats anew.
    pub(super) fn restage(&mut self) {
        let live = self.live();
        for index in 0..self.members.len() {
            self.seat(index, &live);
        }
        self.review_codecs();
    }

    /// Gives out the seats that may be others since a member came or went, or has a new connection: none but its `own`
    /// when it `shows` no picture, for very many join a large room at once. Players are seated with or without pictures.
    pub(super) fn restage_around(&mut self, shows: bool, own: Option<usize>) {
        if shows || self.members.iter().any(|member| member.plays.is_some()) {
            return self.restage();
        }
        if let Some(index) = own {
            self.restage_one(index);
            self.review_codecs_of(index);
        }
    }

    pub(super) fn restage_one(&mut self, index: usize) {
        let live = self.live();
        self.seat(index, &live);
    }

    /// Pictures that are on and have a connection to come by, in the order of joining.
    fn live(&self) -> Vec<Picture> {
        let sending = self.members.iter().filter(|member| member.connection.is_some());
        let pictures = sending.flat_map(|member| {
            let camera = member.media.camera.then_some(Picture { source: member.camera, screen: false });
            let screen = member.media.screen.then_some(Picture { source: member.screen, screen: true });
            [screen, camera]
        });
        pictures.flatten().collect()
    }

    /// Gives out one member's seats; tells its client and its shard what changed.
    fn seat(&mut self, index: usize, live: &[Picture]) {
        let Some(member) = self.members.get(index) else { return };
        let Some(connection) = member.connection.as_ref().filter(|_| member.may(Action::Subscribe, self.facts.rules))
        else {
            return;
        };
        let codec = |source: SourceId| self.sources.get(&source).and_then(|state| state.video);
        let decodes = |picture: &&Picture| codec(picture.source).is_none_or(|codec| connection.decodes(codec));
        let (decodable, strange): (Vec<&Picture>, Vec<&Picture>) = live.iter().partition(decodes);
        let decodable: Vec<Picture> = decodable.into_iter().copied().collect();
        let staging = match &member.plays {
            Some(target) => locked(self.target(target)),
            None => stage(&View {
                seats: connection.seats(),
                own: member.own(),
                live: &decodable,
                wishes: member.wishes.as_ref(),
                speakers: self.speakers.history(),
                present: &member.seats.seats,
            }),
        };
        let unsupported_codec = unsupported(member, strange.iter().map(|picture| picture.source));
        let mut audio = member.audio_lines.clone();
        audio.resize(connection.audio_lines(), None);
        let seats = Seats {
            seats: staging.seats.iter().map(|seat| seat.map(|seated| seated.source)).collect(),
            audio,
            unsupported_codec,
            unseated: staging.unseated.clone(),
        };
        let (id, plan) = (connection.id, plan(&staging));
        let Some(member) = self.members.get_mut(index) else { return };
        let strange = member.seats.unsupported_codec != seats.unsupported_codec;
        if member.seats != seats {
            member.seats = seats.clone();
            member.tell(&Push::Seats(seats));
        }
        if *member.plan != plan {
            member.plan = Arc::new(plan);
            let state = ControlState::Seats(id, member.plan.clone());
            self.put(state);
        }
        if strange {
            self.review_quality(index);
        }
    }

    /// Takes a cell of the media plane.
    pub(super) fn media_state(&mut self, state: MediaState, now: Instant) {
        match state {
            MediaState::Transport(id, state) => self.connection_state(id, state, now),
            MediaState::Source(id, state) => {
                let before = self.sources.insert(id, state).unwrap_or_default();
                if before.video != state.video {
                    self.restage();
                }
            }
            MediaState::AudioLines(id, lines) => {
                let Some(index) = self.by_transport(id) else { return };
                if let Some(member) = self.members.get_mut(index) {
                    member.audio_lines = by_line(member, &lines);
                }
                self.restage_one(index);
            }
            MediaState::Paused(id, sources) => self.paused(id, &sources),
            MediaState::Demand(id, demand) => self.demand(id, demand),
            MediaState::Dominant(_, source) => self.dominate(source),
            MediaState::Quality(id, received) => {
                if let Some(index) = self.by_transport(id) {
                    self.quality(index, received);
                }
            }
            MediaState::Undecodable(id, sources) => {
                let Some(index) = self.by_transport(id) else { return };
                if let Some(member) = self.members.get_mut(index) {
                    member.undecodable = sources;
                }
                self.restage_one(index);
            }
        }
    }

    fn paused(&mut self, id: TransportId, sources: &[(SourceId, Bps)]) {
        let Some(index) = self.by_transport(id) else { return };
        let sources = sources.iter().map(|(source, needs)| PausedSource { source: *source, needs: *needs }).collect();
        if let Some(member) = self.members.get_mut(index) {
            member.paused = Paused { sources };
            member.tell(&Push::Paused(member.paused.clone()));
        }
    }

    /// Tells a publisher which of its streams anybody takes.
    fn demand(&mut self, source: SourceId, demand: LayerDemand) {
        let Some(member) = self.members.iter_mut().find(|member| member.own().contains(&source)) else { return };
        let active = (0..demand.count).map(|layer| demand.layers.contains(layer)).collect();
        let layers = Layers { source, version: demand.version, active };
        member.demand.retain(|known| known.source != source);
        member.demand.push(layers.clone());
        member.tell(&Push::Layers(layers));
    }

    fn by_transport(&self, id: TransportId) -> Option<usize> {
        self.members.iter().position(|member| member.connection.as_ref().is_some_and(|c| c.id == id))
    }

    fn connection_state(&mut self, id: TransportId, state: ConnectionState, now: Instant) {
        let Some(index) = self.by_transport(id) else { return };
        self.change(index, None, |member| {
            if let Some(connection) = &mut member.connection {
                connection.state = state;
            }
            member.note_life(now);
        });
        if let Some(member) = self.members.get(index) {
            tracing::debug!(room = %self.key, member = %member.id, ?state, "media connection");
            member.tell(&Push::Connection(Connection { state: state.into() }));
        }
    }

    /// Takes a sample of the media plane.
    pub(super) fn media_sample(&mut self, sample: MediaSample) {
        match sample {
            MediaSample::Levels(_, levels) => {
                if let Some(speakers) = self.speakers.hear(&levels) {
                    self.tell_all(Push::Speakers(speakers), None);
                }
            }
            MediaSample::Data(message) => self.forward(&message),
        }
    }

    /// Somebody else dominates.
    fn dominate(&mut self, source: SourceId) {
        // Who has just left dominates nothing.
        if self.members.iter().any(|member| member.own().contains(&source))
            && let Some(speakers) = self.speakers.dominate(source)
        {
            self.tell_all(Push::Speakers(speakers), None);
            self.restage();
        }
    }

    /// Passes a data-channel message on to all others or to one.
    fn forward(&self, message: &DataMessage) {
        let Some(sender) = self.by_transport(message.transport).and_then(|index| self.members.get(index)) else {
            return;
        };
        if !sender.may(Action::Data, self.facts.rules) {
            return;
        }
        let Some((recipient, payload)) = data::parse(&message.payload) else { return };
        let Some(payload) = data::frame(&sender.id, &payload) else { return };
        let chosen = |member: &&Resident| match &recipient {
            data::Recipient::All => member.id != sender.id,
            data::Recipient::One(id) => member.id == *id,
        };
        for connection in self.members.iter().filter(chosen).filter_map(|member| member.connection.as_ref()) {
            let message = DataMessage { transport: connection.id, lane: message.lane, payload: payload.clone() };
            self.shared.plane.send_data(self.key, message);
        }
    }
}

impl From<ConnectionState> for ConnectionPhase {
    fn from(state: ConnectionState) -> Self {
        match state {
            ConnectionState::New => ConnectionPhase::New,
            ConnectionState::Connecting => ConnectionPhase::Connecting,
            ConnectionState::Connected => ConnectionPhase::Connected,
            ConnectionState::Disconnected => ConnectionPhase::Disconnected,
            ConnectionState::Failed => ConnectionPhase::Failed,
        }
    }
}

/// What to tell a member of sources that it cannot decode: those it wishes for, all when it has not said.
fn unsupported(member: &Resident, strange: impl Iterator<Item = SourceId>) -> Vec<SourceId> {
    let mut sources: Vec<SourceId> = strange.chain(member.undecodable.iter().copied()).collect();
    sources.retain(|source| {
        let wished = |wishes: &Wishes| wishes.sources.iter().any(|w| w.source == *source);
        !member.own().contains(source) && member.wishes.as_ref().is_none_or(wished)
    });
    sources.sort_unstable();
    sources.dedup();
    sources
}

/// Audio-only lines by their number, as many as the client offered.
fn by_line(member: &Resident, lines: &[(AudioLineId, SourceId)]) -> Vec<Option<SourceId>> {
    let count = member.connection.as_ref().map_or(0, link::Connection::audio_lines);
    let mut sources = vec![None; count];
    for (line, source) in lines {
        if let Some(place) = sources.get_mut(usize::from(line.0)) {
            *place = Some(*source);
        }
    }
    sources
}

/// The one seat of a player, which shows `source` and hears it, whether or not it has a picture now.
fn locked(source: Option<SourceId>) -> Staging {
    let seated = source.map(|source| Seated { source, max_height: u16::MAX, priority: u8::MAX });
    Staging { seats: vec![seated], unseated: Vec::new() }
}

fn plan(staging: &Staging) -> SeatPlan {
    let seated = |(index, seat): (usize, &Option<Seated>)| {
        let seat_id = SeatId(u16::try_from(index).ok()?);
        seat.map(|seated| SeatedSource {
            seat: seat_id,
            source: seated.source,
            max_height: seated.max_height,
            priority: seated.priority,
        })
    };
    SeatPlan { seats: staging.seats.iter().enumerate().filter_map(seated).collect() }
}
