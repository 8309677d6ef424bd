"""Publishes a test picture and a tone with GStreamer's webrtcbin over WHIP until standard input ends.

For the system's Python, which has GStreamer's bindings: gstreamer_whip.py URL
"""

import sys
import urllib.parse
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

PIPELINE = """
    webrtcbin name=peer bundle-policy=max-bundle
    videotestsrc is-live=true pattern=white ! video/x-raw,width=320,height=240,framerate=20/1
        ! vp8enc deadline=1 keyframe-max-dist=20 ! rtpvp8pay pt=96 picture-id-mode=15-bit ! peer.
    audiotestsrc is-live=true ! opusenc ! rtpopuspay pt=97 ! peer.
"""


def main(url):
    Gst.init(None)
    pipeline = Gst.parse_launch(PIPELINE)
    peer = pipeline.get_by_name("peer")
    loop = GLib.MainLoop()
    for transceiver in (peer.emit("get-transceiver", 0), peer.emit("get-transceiver", 1)):
        transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
    location = []

    def gathered(peer, _):
        if peer.get_property("ice-gathering-state") != GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            return
        offer = peer.get_property("local-description").sdp.as_text().encode()
        request = urllib.request.Request(url, offer, {"content-type": "application/sdp"})
        with urllib.request.urlopen(request) as response:
            location.append(response.headers["location"])
            _, sdp = GstSdp.SDPMessage.new()
            GstSdp.sdp_message_parse_buffer(response.read(), sdp)
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
        peer.emit("set-remote-description", answer, None)

    def offered(promise, _):
        promise.wait()
        # The description belongs to the reply, which must live as long.
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        peer.emit("set-local-description", offer, None)

    def needed(peer):
        peer.emit("create-offer", None, Gst.Promise.new_with_change_func(offered, None))

    peer.connect("on-negotiation-needed", needed)
    peer.connect("notify::ice-gathering-state", gathered)
    GLib.io_add_watch(sys.stdin, GLib.PRIORITY_DEFAULT, GLib.IOCondition.HUP | GLib.IOCondition.IN, lambda *_: loop.quit())
    pipeline.set_state(Gst.State.PLAYING)
    loop.run()
    pipeline.set_state(Gst.State.NULL)
    if location:
        session = urllib.parse.urljoin(url, location[0])
        urllib.request.urlopen(urllib.request.Request(session, method="DELETE"))


main(sys.argv[1])
