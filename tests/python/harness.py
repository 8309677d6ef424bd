"""A Plenum server of the test's own, and programs that speak WHIP and WHEP to it."""

import asyncio
import os
import pathlib
import subprocess
import tempfile
import threading
import unittest
from fractions import Fraction

import aiohttp
import av
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

ROOT = pathlib.Path(__file__).resolve().parents[2]
# For whatever takes a second on an idle machine.
PATIENCE = 60


def binary():
    """The development build that the Rust tests use."""
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    return pathlib.Path(target) / "debug" / "plenum"


class Server:
    """A running server on free ports of loopback."""

    def __init__(self, *args, config=""):
        self.directory = tempfile.TemporaryDirectory()
        (pathlib.Path(self.directory.name) / "plenum.toml").write_text(config)
        command = [binary(), "--http-address=127.0.0.1:0", "--udp-port=0", "--tcp-port=0", "--shards=1"]
        command += ["--log-level=warn", *args]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PLENUM_")}
        self.process = subprocess.Popen(
            command, cwd=self.directory.name, env=environment, stdout=subprocess.PIPE, text=True
        )
        greeting = self.process.stdout.readline()
        self.url = greeting.strip().rsplit(" ", 1)[1].replace("localhost", "127.0.0.1")
        # Nothing more is read, and a full pipe would stop the server.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.directory.cleanup()


class ServerTest(unittest.IsolatedAsyncioTestCase):
    """Tests that share one server."""

    args = ()
    config = ""

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.args, config=cls.config)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    async def asyncSetUp(self):
        self.http = aiohttp.ClientSession(self.server.url, timeout=aiohttp.ClientTimeout(PATIENCE))

    async def asyncTearDown(self):
        await self.http.close()

    async def open(self, path, offer, headers=()):
        """POSTs an offer; the response and its text."""
        headers = {"content-type": "application/sdp", **dict(headers)}
        async with self.http.post(path, data=offer, headers=headers) as response:
            return response, await response.text()


class Picture(MediaStreamTrack):
    """Twenty pictures a second of one colour."""

    kind = "video"

    def __init__(self, luma, width=320, height=240):
        super().__init__()
        self.luma, self.width, self.height, self.count = luma, width, height, 0

    async def recv(self):
        if self.readyState != "live":
            raise MediaStreamError
        await asyncio.sleep(0.05)
        frame = av.VideoFrame(self.width, self.height, "yuv420p")
        for index, plane in enumerate(frame.planes):
            plane.update(bytes([self.luma if index == 0 else 128]) * plane.buffer_size)
        frame.pts, frame.time_base = self.count * 4500, Fraction(1, 90000)
        self.count += 1
        return frame


class Tone(MediaStreamTrack):
    """A square wave of 500 Hz."""

    kind = "audio"

    def __init__(self):
        super().__init__()
        self.count = 0

    async def recv(self):
        if self.readyState != "live":
            raise MediaStreamError
        await asyncio.sleep(0.02)
        frame = av.AudioFrame(format="s16", layout="mono", samples=960)
        period = (8000).to_bytes(2, "little", signed=True) * 48 + (-8000).to_bytes(2, "little", signed=True) * 48
        frame.planes[0].update(period * 10)
        frame.pts, frame.sample_rate = self.count * 960, 48000
        frame.time_base = Fraction(1, 48000)
        self.count += 1
        return frame


class Session:
    """One peer connection that was opened over WHIP or WHEP."""

    def __init__(self, test, path, *tracks):
        self.test, self.path = test, path
        # No STUN server: nothing outside of this machine is asked.
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        for track in tracks:
            self.pc.addTrack(track)
        self.received = {}
        self.pc.on("track", lambda track: self.received.__setitem__(track.kind, track))
        self.location = self.response = None

    async def start(self):
        await self.pc.setLocalDescription(await self.pc.createOffer())
        self.response, answer = await self.test.open(self.path, self.pc.localDescription.sdp)
        self.test.assertEqual(self.response.status, 201, answer)
        self.location = self.response.headers["location"]
        await self.pc.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
        return self

    async def stop(self):
        async with self.test.http.delete(self.location) as response:
            await self.pc.close()
            return response.status

    async def frame(self, kind, good=lambda frame: True):
        """The first received frame that is good."""

        async def search():
            while True:
                frame = await self.received[kind].recv()
                if good(frame):
                    return frame

        return await asyncio.wait_for(search(), PATIENCE)


async def publisher(test, path, luma=200):
    return await Session(test, path, Picture(luma), Tone()).start()


async def player(test, path, kinds=("audio", "video")):
    session = Session(test, path)
    for kind in kinds:
        session.pc.addTransceiver(kind, direction="recvonly")
    return await session.start()


def luma(frame):
    """How bright the middle of a picture is."""
    plane = frame.reformat(format="yuv420p").planes[0]
    return bytes(plane)[plane.line_size * (frame.height // 2) + frame.width // 2]
