//! The command line of `plenum load`, and the call that it describes.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::LoadError;
use super::plan::{Entrance, Layer, Part, Pictures, Publishing, Speech, Weather};
use super::sdp::RIDS;
use super::socketio::Transport;

/// A named call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scenario {
    /// One camera with sound to many: frames of about four packets.
    #[default]
    Webinar,
    /// Everybody sends three layers and sees nine others.
    Meeting,
    /// Everybody speaks in turn, without pictures.
    Audio,
    /// A 1080p screen with sound to 150.
    Share,
    /// Members that leave while others join.
    Churn,
    /// A tenth of the members has 5 % loss and 50 ms jitter.
    Weak,
}

/// When members speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Speaking {
    /// One after the other, four seconds each.
    Turns,
    Always,
    Never,
}

/// Who comes as a program over plain HTTP.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Protocol {
    /// Publishers (RFC 9725).
    Whip,
    /// Those that only watch (draft-ietf-wish-whep).
    Whep,
}

/// Puts a running server under load as browsers would, and measures what they get.
#[derive(Args, Clone, PartialEq, Debug, Default)]
pub struct Options {
    /// What to play. The flags below change single figures of it.
    #[arg(value_enum, default_value_t)]
    pub scenario: Scenario,

    /// Where the server is.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4000")]
    pub server: String,

    /// Believe any certificate of an https server, such as one of its own.
    #[arg(long)]
    pub insecure: bool,

    /// Access token that all members show; everybody on this machine sees it.
    #[arg(long, value_name = "TOKEN", conflicts_with = "mint_token")]
    pub token: Option<String>,

    /// Sign a token for these members by the first of access.secrets of this configuration or PLENUM_ACCESS_SECRETS.
    #[arg(long)]
    pub mint_token: bool,

    /// What the room is called, to look in; each of several has its number behind that. Nobody else's unless given.
    #[arg(long, value_name = "NAME")]
    pub room: Option<String>,

    /// Who comes as a program over plain HTTP instead of as a page over Socket.IO: publishers, those that watch, or both.
    #[arg(long, value_enum, value_name = "whip,whep", value_delimiter = ',', num_args = 1)]
    pub protocol: Vec<Protocol>,

    /// How many rooms play the same.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    pub rooms: usize,

    /// Members of each room that send.
    #[arg(long, value_name = "COUNT")]
    pub publishers: Option<usize>,

    /// Members of each room that only watch.
    #[arg(long, value_name = "COUNT")]
    pub subscribers: Option<usize>,

    /// How many others each member sees at once.
    #[arg(long, value_name = "COUNT")]
    pub seats: Option<usize>,

    /// Bit rates of the simulcast layers in kbit/s, lowest first, one to three.
    #[arg(long, value_name = "KBPS,...", value_delimiter = ',', num_args = 1)]
    pub bitrates: Option<Vec<u32>>,

    /// Pictures a second.
    #[arg(long, value_name = "COUNT")]
    pub fps: Option<f64>,

    /// Pictures of one size, where those of a camera differ by a third.
    #[arg(long)]
    pub steady: bool,

    /// Whether publishers send sound.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub sound: Option<bool>,

    /// Who speaks when.
    #[arg(long, value_enum, default_value = "turns")]
    pub speaking: Option<Speaking>,

    /// Members that join each second.
    #[arg(long, value_name = "COUNT", default_value_t = 50.0)]
    pub join_rate: f64,

    /// Members each second that leave and are replaced while it is measured.
    #[arg(long, value_name = "COUNT")]
    pub churn: Option<f64>,

    /// Share of members with a bad network, percent.
    #[arg(long, value_name = "PERCENT")]
    pub weak: Option<f64>,

    /// Media packets that a bad network loses, percent, each way.
    #[arg(long, value_name = "PERCENT")]
    pub loss: Option<f64>,

    /// Longest delay that a bad network adds, milliseconds, each way.
    #[arg(long, value_name = "MS")]
    pub jitter: Option<u64>,

    /// How long to measure, seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub duration: u64,

    /// How long to wait before that once everybody is there, seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 3)]
    pub warm_up: u64,

    /// Share of members that decrypt every packet, percent; the others authenticate one of 32.
    #[arg(long, value_name = "PERCENT", default_value_t = 10.0)]
    pub full: f64,

    /// How signalling travels.
    #[arg(long, value_enum, default_value_t)]
    pub transport: Transport,

    /// Threads for media.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    pub threads: usize,

    /// A socket for each member also on this machine: then the kernel cuts the server's trains of datagrams apart, on
    /// the server's time.
    #[arg(long)]
    pub own_sockets: bool,

    /// The server's process, for its processor time and memory; without it they are read at its /metrics.
    #[arg(long, value_name = "PID")]
    pub server_pid: Option<i32>,

    /// Raise the number of members until quality breaks, and say the last that held.
    #[arg(long)]
    pub find_capacity: bool,

    /// Print JSON instead of a table, or write it to a file beside the table.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "-")]
    pub json: Option<PathBuf>,
}

/// What a scenario is made of, all figures settled.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Shape {
    pub(super) rooms: usize,
    pub(super) publishers: usize,
    pub(super) subscribers: usize,
    /// Publishers watch, too.
    pub(super) all_watch: bool,
    pub(super) seats: usize,
    pub(super) pictures: Option<Pictures>,
    pub(super) sound: bool,
    pub(super) speaking: Speaking,
    pub(super) churn: f64,
    pub(super) weather: Weather,
    /// Shares of members, 0 to 1.
    pub(super) weak: f64,
    pub(super) full: f64,
    /// Publishers come by WHIP, watchers by WHEP.
    pub(super) whip: bool,
    pub(super) whep: bool,
}

/// Audio-only lines of each member, on which loud members without a seat are heard.
pub(super) const AUDIO_LINES: usize = 3;

impl Options {
    /// Settles all figures.
    pub(super) fn shape(&self) -> Result<Shape, LoadError> {
        let base = self.scenario.shape();
        let publishers = self.publishers.unwrap_or(base.publishers);
        let subscribers = self.subscribers.unwrap_or(base.subscribers);
        let by = |protocol| self.protocol.contains(&protocol);
        let (whip, whep) = (by(Protocol::Whip), by(Protocol::Whep));
        let pictures = base.pictures.map(|pictures| Pictures {
            // The first video of a program is its camera, whatever it shows.
            screen: pictures.screen && !whip,
            layers: self.bitrates.as_ref().map_or(pictures.layers.clone(), |rates| layers(rates, &pictures)),
            fps: self.fps.unwrap_or(pictures.fps),
            steady: self.steady,
        });
        let loss = self.loss.map_or(base.weather.loss, |percent| percent / 100.0);
        let jitter = self.jitter.map_or(base.weather.jitter, Duration::from_millis);
        // Who asks for a bad network without saying whose means everybody's.
        let asked = self.loss.is_some() || self.jitter.is_some();
        let shape = Shape {
            rooms: self.rooms,
            publishers,
            subscribers,
            seats: self.seats.unwrap_or(base.seats),
            pictures,
            sound: self.sound.unwrap_or(base.sound),
            speaking: self.speaking.unwrap_or(Speaking::Turns),
            churn: self.churn.unwrap_or(base.churn),
            weather: Weather { loss, jitter },
            weak: self.weak.map_or(if asked && base.weak == 0.0 { 1.0 } else { base.weak }, |percent| percent / 100.0),
            full: self.full / 100.0,
            whip,
            whep,
            ..base
        };
        self.check(&shape)?;
        Ok(shape)
    }

    fn check(&self, shape: &Shape) -> Result<(), LoadError> {
        let wrong = |text: &str| Err(LoadError::Options(text.to_owned()));
        let share = |share: f64| (0.0..=1.0).contains(&share);
        let rate = |rate: f64| rate.is_finite() && rate >= 0.0;
        if shape.rooms == 0 || shape.publishers == 0 || self.threads == 0 {
            return wrong("--rooms, --publishers and --threads are at least 1");
        }
        if shape.publishers + shape.subscribers < 2 {
            return wrong("nobody would receive anything: raise --subscribers");
        }
        if self
            .bitrates
            .as_ref()
            .is_some_and(|rates| rates.is_empty() || rates.len() > RIDS.len() || rates.contains(&0))
        {
            return wrong("--bitrates takes one to three rates above 0");
        }
        if shape.pictures.as_ref().is_some_and(|pictures| !(1.0..=120.0).contains(&pictures.fps)) {
            return wrong("--fps is 1 to 120");
        }
        if !shape.sound && shape.pictures.is_none() {
            return wrong("nothing would be sent: --sound=false leaves the scenario audio empty");
        }
        if (shape.whip || shape.whep) && shape.subscribers == 0 {
            return wrong(
                "--protocol: a program publishes or plays, and in this scenario everybody does both; give it --subscribers, or play webinar, share, churn or weak",
            );
        }
        if shape.whep && self.seats.is_some_and(|seats| seats != 1) {
            return wrong("--seats: a WHEP player plays one member");
        }
        if !(1..=49).contains(&shape.seats) {
            return wrong("--seats is 1 to 49");
        }
        if !share(shape.weather.loss) || !share(shape.weak) || !share(shape.full) {
            return wrong("--loss, --weak and --full are percentages, 0 to 100");
        }
        if !rate(shape.churn) || !rate(self.join_rate) || self.join_rate == 0.0 {
            return wrong("--join-rate is above 0, and --churn is not below");
        }
        if self.duration == 0 {
            return wrong("--duration is at least 1");
        }
        Ok(())
    }
}

fn layers(rates: &[u32], usual: &Pictures) -> Vec<Layer> {
    let top = usual.layers.last().map_or(720, |layer| layer.height);
    let below = |place: usize| top >> (rates.len() - 1 - place);
    rates.iter().enumerate().map(|(place, kbps)| Layer { kbps: *kbps, height: below(place) }).collect()
}

impl Scenario {
    fn shape(self) -> Shape {
        let camera = |rates: &[(u32, u16)]| Pictures {
            screen: false,
            layers: rates.iter().map(|&(kbps, height)| Layer { kbps, height }).collect(),
            fps: 25.0,
            steady: false,
        };
        let webinar = Shape {
            rooms: 1,
            publishers: 1,
            subscribers: 100,
            all_watch: false,
            seats: 1,
            pictures: Some(camera(&[(880, 720)])),
            sound: true,
            speaking: Speaking::Turns,
            churn: 0.0,
            weather: Weather { loss: 0.05, jitter: Duration::from_millis(50) },
            weak: 0.0,
            full: 0.1,
            whip: false,
            whep: false,
        };
        let simulcast = Some(camera(&[(150, 180), (500, 360), (1_500, 720)]));
        match self {
            Scenario::Webinar => webinar,
            Scenario::Meeting => {
                Shape { publishers: 10, subscribers: 0, all_watch: true, seats: 9, pictures: simulcast, ..webinar }
            }
            Scenario::Audio => {
                Shape { publishers: 20, subscribers: 0, all_watch: true, seats: 1, pictures: None, ..webinar }
            }
            Scenario::Share => {
                let screen = Pictures { screen: true, fps: 15.0, ..camera(&[(2_500, 1_080)]) };
                Shape { subscribers: 150, pictures: Some(screen), ..webinar }
            }
            Scenario::Churn => Shape { publishers: 4, subscribers: 50, seats: 4, churn: 10.0, ..webinar },
            Scenario::Weak => Shape { publishers: 2, subscribers: 48, seats: 2, weak: 0.1, ..webinar },
        }
    }
}

impl Shape {
    /// What member `index` of a room does; those that send come first.
    pub(super) fn part(&self, index: usize) -> Part {
        let publishes = index < self.publishers;
        let speech = match self.speaking {
            Speaking::Always => Speech::Always,
            Speaking::Never => Speech::Never,
            Speaking::Turns => Speech::Turns { index: index as u32, of: self.publishers as u32 },
        };
        let publishing = publishes.then(|| Publishing { sound: self.sound, pictures: self.pictures.clone(), speech });
        let name = |index: usize| format!("load-{index}");
        let entrance = match publishes {
            true if self.whip => Entrance::Whip,
            // Where there are several, they are shared out evenly.
            false if self.whep => {
                Entrance::Whep { member: (self.publishers > 1).then(|| name(index % self.publishers)) }
            }
            _ => Entrance::Page,
        };
        // A program that publishes sees nobody.
        let blind = publishes && (!self.all_watch || self.publishers == 1 || self.whip);
        Part {
            name: name(index),
            publishing,
            seats: match entrance {
                Entrance::Whep { .. } => 1,
                _ if blind => 0,
                _ => self.seats,
            },
            entrance,
            // The first of each share, so that small calls have some of each.
            full: is_of_share(index, self.full),
            // Where some only watch, theirs are the bad networks: what a publisher loses is nobody's view of the server.
            weather: (is_of_share(index, self.weak) && (!publishes || self.subscribers == 0)).then_some(self.weather),
            expects_pictures: self.pictures.is_some(),
        }
    }

    /// One line for people.
    pub(super) fn text(&self) -> String {
        let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let mut text = format!(
            "{}, each of {} and {}",
            count(self.rooms, "room"),
            count(self.publishers, "publisher"),
            count(self.subscribers, "subscriber")
        );
        if let Some(pictures) = &self.pictures {
            let rates: Vec<String> = pictures.layers.iter().map(|layer| layer.kbps.to_string()).collect();
            text += &format!("; {} kbit/s at {} pictures/s", rates.join(" + "), pictures.fps);
        }
        text += if self.sound { "; sound" } else { "; no sound" };
        if self.whip || self.whep {
            let programs = [(self.whip, "publishers by WHIP"), (self.whep, "subscribers by WHEP")];
            let programs: Vec<_> = programs.iter().filter(|(here, _)| *here).map(|(_, text)| *text).collect();
            text += &format!("; {}", programs.join(", "));
        }
        if self.churn > 0.0 {
            text += &format!("; {} leave and join each second", self.churn);
        }
        if self.weak > 0.0 {
            let Weather { loss, jitter } = self.weather;
            text += &format!(
                "; {:.0} % with {:.1} % loss and {} ms jitter",
                self.weak * 100.0,
                loss * 100.0,
                jitter.as_millis()
            );
        }
        text
    }
}

/// Whether `index` is one of the evenly spread `share` of all.
fn is_of_share(index: usize, share: f64) -> bool {
    (index as f64 * share).ceil() < ((index + 1) as f64 * share).ceil()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_spread_evenly() {
        let count = |share: f64, of: usize| (0..of).filter(|index| is_of_share(*index, share)).count();
        assert_eq!((count(0.1, 100), count(0.0, 100), count(1.0, 100), count(0.1, 3)), (10, 0, 100, 1));
    }

    #[test]
    fn what_makes_no_call_is_refused_with_the_flag() {
        let options = Options { rooms: 1, join_rate: 1.0, duration: 1, threads: 1, ..Options::default() };
        assert!(options.shape().is_ok());
        for (wrong, flag) in [
            (Options { subscribers: Some(0), ..options.clone() }, "--subscribers"),
            (Options { bitrates: Some(vec![1; 4]), ..options.clone() }, "--bitrates"),
            (Options { fps: Some(0.0), ..options.clone() }, "--fps"),
            (Options { join_rate: 0.0, ..options.clone() }, "--join-rate"),
            (Options { weak: Some(101.0), ..options.clone() }, "--weak"),
            (Options { scenario: Scenario::Audio, sound: Some(false), ..options.clone() }, "--sound"),
        ] {
            let error = wrong.shape().unwrap_err().to_string();
            assert!(error.contains(flag), "{error}");
        }
    }
}
