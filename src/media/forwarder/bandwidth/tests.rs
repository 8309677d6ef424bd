//! What can be taken of a camera that sends its sizes in one stream, and of one that sends them in three.

use std::time::{Duration, Instant};

use super::*;
use crate::id::{Pt, Ssrc, Token};
use crate::media::dynacast::Layers;
use crate::media::spec::{Codec, Extension, MediaSpec, PayloadType, UplinkSpec};
use crate::media::uplink::Uplink;

const RIDS: [&str; 3] = ["q", "h", "f"];
const MID_ID: u8 = 4;
const RID_ID: u8 = 10;

/// A camera that sends VP9.
struct Camera {
    uplink: Uplink,
    now: Instant,
    seq: u16,
}

impl Camera {
    fn new() -> Camera {
        let token = |text: &str| Token::new(text.as_bytes()).unwrap_or_default();
        let codec = Codec::Vp9 { profile: 0 };
        let mut spec = MediaSpec {
            payloads: vec![PayloadType { pt: Pt(98), codec, rtx: None, nack: false, transport_cc: false, remb: false }],
            ..MediaSpec::default()
        };
        spec.extensions.set(Extension::Mid, MID_ID);
        spec.extensions.set(Extension::Rid, RID_ID);
        spec.uplinks.push(UplinkSpec {
            role: UplinkRole::Camera,
            mid: token("1"),
            rids: RIDS.iter().map(|rid| token(rid)).collect(),
            ssrcs: SmallVec::new(),
            payloads: [Pt(98)].into_iter().collect(),
            active: true,
        });
        let now = Instant::now();
        Camera { uplink: Uplink::new(spec.into(), now, Ssrc(1)), now, seq: 0 }
    }

    /// Sends one key picture of the stream `stream`, in `sizes` spatial layers up to `height`.
    fn picture(&mut self, stream: usize, sizes: u8, height: u16) {
        self.now += Duration::from_millis(100);
        for spatial in 0..sizes {
            self.seq += 1;
            let mut packet = vec![0x90, 98 | u8::from(spatial + 1 == sizes) << 7];
            packet.extend_from_slice(&self.seq.to_be_bytes());
            packet.extend_from_slice(&[0, 0, 0, 9, 0, 0, 0, 20 + stream as u8]);
            packet.extend_from_slice(&[0xBE, 0xDE, 0, 1, MID_ID << 4, b'1', RID_ID << 4, RIDS[stream].as_bytes()[0]]);
            // Layers, begin, end and, at the bottom, the sizes of all (RFC 9628 §4.2).
            let structure = spatial == 0;
            packet.extend_from_slice(&[0x2C | u8::from(structure) << 1, spatial << 1, 0]);
            if structure {
                packet.push((sizes - 1) << 5 | 0x10);
                for size in 0..sizes {
                    let height = height >> (sizes - 1 - size);
                    [height * 16 / 9, height].iter().for_each(|side| packet.extend_from_slice(&side.to_be_bytes()));
                }
            }
            packet.extend_from_slice(&[1, 2, 3]);
            let received = self.uplink.receive(self.now, &packet);
            assert!(received.is_ok(), "{:?}", received.err());
        }
    }

    fn layers(&self) -> &[Layer] {
        self.uplink.layers(UplinkRole::Camera)
    }

    /// Stream, spatial layer and height of all that can be taken.
    fn points(&self, demand: &Demand) -> Vec<(usize, u8, u16)> {
        self.taken(demand).iter().map(|point| (point.layer, point.spatial, point.height)).collect()
    }

    fn taken(&self, demand: &Demand) -> Vec<OperatingPoint> {
        let mut points = Vec::new();
        let had = |index| demand.can_be_had(self.now, index);
        operating_points(self.now, self.layers(), true, demand, had, &mut points);
        points
    }

    /// As [`Forwarder::review_demand`] does, with `wanted` sizes taken.
    fn review(&self, demand: &mut Demand, wanted: usize) {
        demand.note(self.now, self.layers());
        demand.review(self.now, self.layers().len(), Layers::lowest(wanted));
    }
}

#[test]
fn a_stream_with_spatial_layers_has_in_it_what_its_siblings_would_bring() {
    let (mut camera, mut demand) = (Camera::new(), Demand::default());
    for stream in 0..3 {
        camera.picture(stream, 1, 180 << stream);
    }
    camera.review(&mut demand, 3);
    assert_eq!(camera.points(&demand), [(0, 0, 180), (1, 0, 360), (2, 0, 720)]);
    // The browser puts all sizes into its first stream, and the others rest.
    for _ in 0..15 {
        camera.picture(0, 3, 720);
        camera.review(&mut demand, 3);
    }
    assert_eq!(camera.points(&demand), [(0, 0, 180), (0, 1, 360), (0, 2, 720)]);
    // And back.
    for _ in 0..15 {
        (0..3).for_each(|stream| camera.picture(stream, 1, 180 << stream));
        camera.review(&mut demand, 3);
    }
    assert_eq!(camera.points(&demand), [(0, 0, 180), (1, 0, 360), (2, 0, 720)]);
}

#[test]
fn spatial_layers_that_nobody_takes_rest_and_can_be_had_again() {
    let (mut camera, mut demand) = (Camera::new(), Demand::default());
    for _ in 0..70 {
        camera.picture(0, 3, 720);
        camera.review(&mut demand, 1);
    }
    // By now the publisher was told, and sends the smallest alone.
    for _ in 0..15 {
        camera.picture(0, 1, 180);
        camera.review(&mut demand, 1);
    }
    let points = camera.taken(&demand);
    assert_eq!(camera.points(&demand), [(0, 0, 180), (0, 1, 360), (0, 2, 720)]);
    assert_eq!(points.iter().map(|point| point.rate.is_some()).collect::<Vec<_>>(), [true, false, false]);
    let bounds = |index| target(&points, index, demand.sizes(0)).map(|target| (target.layer, target.spatial));
    assert_eq!([bounds(0), bounds(1), bounds(2)], [Some((0, 0)), Some((0, 1)), Some((0, u8::MAX))]);

    // They are asked for, and come.
    camera.review(&mut demand, 3);
    for _ in 0..15 {
        camera.picture(0, 3, 720);
        camera.review(&mut demand, 3);
    }
    assert!(camera.taken(&demand).iter().all(|point| point.rate.is_some()));

    // They are asked for, and do not come: they are not counted on for a while, and what is there is not unbounded.
    for wanted in [1, 3] {
        for _ in 0..130 {
            camera.picture(0, 1, 180);
            camera.review(&mut demand, wanted);
        }
    }
    let points = camera.taken(&demand);
    assert_eq!(camera.points(&demand), [(0, 0, 180)]);
    assert_eq!(target(&points, 0, demand.sizes(0)).map(|target| target.spatial), Some(0));
}
