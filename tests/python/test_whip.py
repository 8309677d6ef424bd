"""Programs publish to a room and play its members: aiortc both ways, and FFmpeg's own WHIP muxer as publisher."""

import asyncio
import pathlib
import subprocess
import threading
import unittest

import ffmpeg
from harness import PATIENCE, ServerTest, luma, player, publisher

# The one for which Debian packages GStreamer's bindings.
SYSTEM_PYTHON = "/usr/bin/python3"
IMPORTS = "import gi; gi.require_version('GstWebRTC', '1.0'); from gi.repository import Gst; Gst.init(None)"
IMPORTS += "; assert Gst.ElementFactory.find('webrtcbin') and Gst.ElementFactory.find('nicesrc')"


def is_there(python):
    try:
        return subprocess.run([python, "-c", IMPORTS], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


GSTREAMER = is_there(SYSTEM_PYTHON)


class Calls(ServerTest):
    async def test_a_player_decodes_what_a_publisher_sends(self):
        ada = await publisher(self, "/whip/one?name=Ada", 200)
        watcher = await player(self, "/whep/one")
        picture = await watcher.frame("video", lambda frame: abs(luma(frame) - 200) < 20)
        self.assertEqual((picture.width, picture.height), (320, 240))
        sound = await watcher.frame("audio", lambda frame: max(bytes(frame.planes[0])) > 0)
        self.assertEqual(sound.sample_rate, 48000)
        # Now that VP8 flows, it alone is answered: the room is told within a tenth of a second.
        await asyncio.sleep(1)
        second = await player(self, "/whep/one")
        self.assertNotIn("H264", second.pc.remoteDescription.sdp)
        await second.frame("video", lambda frame: abs(luma(frame) - 200) < 20)
        for session in (second, watcher, ada):
            self.assertEqual(await session.stop(), 200)

    async def test_a_player_sees_its_own_member_and_sees_it_again(self):
        ada = await publisher(self, "/whip/two?name=Ada", 200)
        bob = await publisher(self, "/whip/two?name=Bob", 60)
        # The picture first, as GStreamer offers.
        watcher = await player(self, "/whep/two?member=Bob", ("video", "audio"))
        await watcher.frame("video", lambda frame: abs(luma(frame) - 60) < 20)
        await watcher.frame("audio", lambda frame: max(bytes(frame.planes[0])) > 0)
        await bob.stop()
        bob = await publisher(self, "/whip/two?name=Bob", 120)
        await watcher.frame("video", lambda frame: abs(luma(frame) - 120) < 20)
        for session in (watcher, ada, bob):
            await session.stop()

    async def test_a_restart_of_ice_is_answered_and_media_goes_on(self):
        ada = await publisher(self, "/whip/three", 200)
        watcher = await player(self, "/whep/three", ("video",))
        await watcher.frame("video")
        fragment = "a=ice-ufrag:newufrag\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n"
        headers = {"content-type": "application/trickle-ice-sdpfrag", "if-match": "*"}
        async with self.http.patch(ada.location, data=fragment, headers=headers) as response:
            self.assertEqual(response.status, 200)
            self.assertNotEqual(response.headers["etag"], ada.response.headers["etag"])
        # The old path lives until a new one is nominated.
        for _ in range(20):
            await watcher.frame("video")
        await watcher.stop()
        await ada.stop()

    async def test_ffmpeg_publishes_h264(self):
        end = threading.Event()
        url = f"{self.server.url}/whip/four?name=FFmpeg"
        task = asyncio.create_task(asyncio.to_thread(ffmpeg.publish, url, self.server.directory.name, end))
        try:
            watcher = await self.patient_player("/whep/four", task)
            await watcher.frame("video", lambda frame: abs(luma(frame) - 180) < 20)
            await watcher.frame("audio", lambda frame: max(bytes(frame.planes[0])) > 0)
            await watcher.stop()
        finally:
            end.set()
            await task

    @unittest.skipUnless(GSTREAMER, "no GStreamer with webrtcbin and Python bindings here")
    async def test_gstreamer_publishes_vp8(self):
        script = pathlib.Path(__file__).with_name("gstreamer_whip.py")
        url = f"{self.server.url}/whip/five?name=GStreamer"
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(SYSTEM_PYTHON, script, url, stdin=pipe)
        try:
            watcher = await self.patient_player("/whep/five", process.wait())
            await watcher.frame("video", lambda frame: luma(frame) > 200)
            await watcher.frame("audio", lambda frame: max(bytes(frame.planes[0])) > 0)
            await watcher.stop()
        finally:
            process.stdin.close()
            await process.wait()

    async def patient_player(self, path, publisher):
        """A player that comes back as long as it is told that it came too early, while `publisher` runs."""
        publisher = asyncio.ensure_future(publisher)
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while True:
            self.assertFalse(publisher.done(), "the publisher ended")
            try:
                return await player(self, path)
            except AssertionError:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.5)


if __name__ == "__main__":
    unittest.main()
