"""The example client: the contract of signalling is no JavaScript matter."""

import asyncio
import sys
import unittest

from harness import PATIENCE, ROOT, ServerTest


class Chatter:
    """One run of examples/chat.py."""

    @classmethod
    async def start(cls, url, *args):
        self = cls()
        pipe = asyncio.subprocess.PIPE
        script = ROOT / "examples" / "chat.py"
        self.process = await asyncio.create_subprocess_exec(sys.executable, script, url, *args, stdin=pipe, stdout=pipe)
        return self

    async def hear(self, words):
        async def search():
            while line := await self.process.stdout.readline():
                if words in line.decode():
                    return line.decode().strip()
            raise AssertionError(f"never heard: {words}")

        return await asyncio.wait_for(search(), PATIENCE)

    def say(self, words):
        self.process.stdin.write(f"{words}\n".encode())

    async def leave(self):
        self.process.stdin.close()
        return await asyncio.wait_for(self.process.wait(), PATIENCE)


class Chat(ServerTest):
    async def test_two_programs_chat_in_a_room(self):
        ada = await Chatter.start(self.server.url, "talk", "Ada")
        await ada.hear("* in talk with Ada")
        bob = await Chatter.start(self.server.url, "talk", "Bob")
        await bob.hear("* in talk with Ada, Bob")
        await ada.hear("* Bob joined")
        bob.say("안녕하세요")
        self.assertEqual(await ada.hear("안녕"), "Bob: 안녕하세요")
        ada.say("hello")
        self.assertEqual(await bob.hear("hello"), "Ada: hello")
        self.assertEqual(await bob.leave(), 0)
        await ada.hear("* Bob left")
        self.assertEqual(await ada.leave(), 0)


if __name__ == "__main__":
    unittest.main()
