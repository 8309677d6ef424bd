"""The REST administration against its own OpenAPI document, and webhooks."""

import asyncio
import hashlib
import hmac
import json
import os
import re
import subprocess
import unittest

import socketio
from aiohttp import web
from harness import PATIENCE, ServerTest, binary, publisher
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

SECRET = "0123456789abcdef0123456789abcdef"
HOOK = "fedcba9876543210fedcba9876543210"


def token(*args):
    """An access token, as an operator mints it."""
    environment = {**os.environ, "PLENUM_ACCESS_SECRETS": SECRET}
    minted = subprocess.run([binary(), "token", *args], env=environment, capture_output=True, text=True, check=True)
    return minted.stdout.strip()


class Member:
    """A member over Socket.IO."""

    @classmethod
    async def join(cls, url, room, name, **auth):
        self = cls()
        self.client, self.heard = socketio.AsyncClient(), asyncio.Queue()
        self.client.on("*", lambda event, *args: self.heard.put_nowait((event, *args)))
        await self.client.connect(url, auth={"protocol": 1, **auth})
        answer = await self.client.call("join", {"room": room, "name": name}, timeout=PATIENCE)
        assert answer["ok"], answer
        self.id = answer["member"]
        return self

    async def hear(self, event):
        async def search():
            while True:
                name, *args = await self.heard.get()
                if name == event:
                    return args[0]

        return await asyncio.wait_for(search(), PATIENCE)


class Administered(ServerTest):
    args = (f"--access-secrets={SECRET}",)

    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.token = token("--admin")
        async with self.http.get("/api/v1/openapi.json") as response:
            self.document = await response.json()

    async def ask(self, method, path, body=None, status=200, bearer=None):
        """One request; its answer is checked against the document."""
        headers = {"authorization": f"Bearer {bearer or self.token}"}
        async with self.http.request(method, f"/api/v1{path}", json=body, headers=headers) as response:
            text = await response.text()
            self.assertEqual(response.status, status, text)
            mime = response.content_type
            self.check(method.lower(), f"/api/v1{path}", status, mime, json.loads(text) if text else None)
            return json.loads(text) if text else None

    def check(self, method, path, status, mime, answer):
        matching = lambda known: re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", known), path)
        known = min(filter(matching, self.document["paths"]), key=lambda known: known.count("{"))
        responses = self.document["paths"][known][method]["responses"]
        described = responses.get(str(status), responses["default"])
        if answer is None:
            self.assertNotIn("content", described)
            return
        schema = described["content"][mime]["schema"]
        resource = Resource.from_contents(self.document, default_specification=DRAFT202012)
        registry = Registry().with_resource("urn:openapi", resource)
        absolute = json.loads(json.dumps(schema).replace('"#/', '"urn:openapi#/'))
        Draft202012Validator(absolute, registry=registry).validate(answer)


class Administration(Administered):
    async def test_the_document_is_valid(self):
        validate(self.document)

    async def test_only_administrators_are_answered(self):
        async with self.http.get("/api/v1/rooms") as response:
            self.assertEqual(response.status, 401)
            self.assertEqual(response.headers["www-authenticate"], "Bearer")
        await self.ask("GET", "/rooms", status=401, bearer="made.up.token")
        await self.ask("GET", "/rooms", status=403, bearer=token("--room=*", "--moderate"))

    async def test_rooms_are_made_changed_and_ended(self):
        made = await self.ask("POST", "/rooms", {"id": "plan", "listed": True, "password": "open sesame"}, 201)
        self.assertTrue(made["listed"] and made["password"])
        await self.ask("POST", "/rooms", {"id": "plan"}, 200)
        self.assertIn("plan", [room["id"] for room in (await self.ask("GET", "/rooms"))["rooms"]])
        changed = await self.ask("PATCH", "/rooms/plan", {"locked": True, "password": ""})
        self.assertTrue(changed["locked"] and not changed["password"])
        await self.ask("PATCH", "/rooms/plan", {"locked": "yes"}, 400)
        await self.ask("PATCH", "/rooms/plan", {"colour": "red"}, 400)
        await self.ask("POST", "/rooms", {"id": "a/b"}, 400)
        await self.ask("DELETE", "/rooms/plan", status=204)
        await self.gone("/rooms/plan")
        await self.ask("POST", "/rooms", {"id": "soon", "keepSeconds": 1}, 201)
        await self.gone("/rooms/soon")

    async def gone(self, path):
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while True:
            try:
                return await self.ask("GET", path, status=404)
            except AssertionError:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.1)

    async def test_members_are_seen_muted_told_and_removed(self):
        ada = await Member.join(self.server.url, "talk", "Ada")
        camera = await publisher(self, "/whip/talk?name=Stage")
        stage = await self.sending("talk", "Stage")
        self.assertEqual(stage["sources"][0]["videoCodec"], "VP8")
        self.assertEqual((await self.ask("GET", f"/rooms/talk/members/{stage['id']}"))["connection"], "connected")
        mute = {"member": stage["id"], "kinds": ["camera"], "forbid": True}
        await self.ask("POST", "/rooms/talk/mute", mute, 204)
        members = (await self.ask("GET", "/rooms/talk/members"))["members"]
        muted = next(member for member in members if member["id"] == stage["id"])
        self.assertEqual((muted["camera"]["video"], muted["forbidden"]), (False, ["camera"]))
        await self.ask("POST", "/rooms/talk/allow", {"member": stage["id"], "kinds": ["camera"]}, 204)
        await self.ask("POST", "/rooms/talk/mute", {"kinds": []}, 400)
        data = {"event": "notice", "args": [{"text": "five minutes"}]}
        self.assertGreaterEqual((await self.ask("POST", "/rooms/talk/data", data))["delivered"], 1)
        told = await ada.hear("app")
        self.assertEqual((told["from"], told["event"], told["args"]), ("server", "notice", data["args"]))
        await self.ask("PUT", f"/rooms/talk/members/{stage['id']}/role", {"role": "viewer"}, 204)
        await self.ask("DELETE", f"/rooms/talk/members/{stage['id']}", status=204)
        await self.ask("GET", f"/rooms/talk/members/{stage['id']}", status=404)
        await self.ask("DELETE", f"/rooms/talk/members/{ada.id}", {"ban": True}, 204)
        self.assertEqual((await ada.hear("farewell"))["reason"], "banned")
        await camera.pc.close()
        await ada.client.disconnect()

    async def sending(self, room, name):
        """The member of that name once its picture arrives."""
        for _ in range(PATIENCE * 10):
            members = (await self.ask("GET", f"/rooms/{room}"))["members"]
            found = next(member for member in members if member["name"] == name)
            if "videoCodec" in found["sources"][0]:
                return found
            await asyncio.sleep(0.1)
        raise AssertionError("nothing arrives")

    async def test_the_log_level_changes_while_it_runs(self):
        before = await self.ask("GET", "/log")
        await self.ask("PUT", "/log", {"level": "info,plenum::signal=debug"})
        self.assertEqual((await self.ask("GET", "/log"))["level"], "info,plenum::signal=debug")
        await self.ask("PUT", "/log", {"level": "plenum=loudly"}, 400)
        await self.ask("PUT", "/log", before)


class Draining(Administered):
    async def test_a_drained_server_takes_nobody_new_and_ends(self):
        await self.ask("POST", "/drain", status=202)
        self.assertEqual(await asyncio.to_thread(self.server.process.wait, PATIENCE), 0)


class Webhooks(Administered):
    async def asyncSetUp(self):
        self.events, self.failures = asyncio.Queue(), 2
        app = web.Application()
        app.router.add_post("/hook", self.take)
        self.receiver = web.AppRunner(app)
        await self.receiver.setup()
        site = web.TCPSite(self.receiver, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        config = f'[[webhooks]]\nurl = "http://127.0.0.1:{port}/hook"\nsecret = "{HOOK}"\n'
        type(self).server.stop()
        type(self).server = type(self.server)(*self.args, config=config)
        await super().asyncSetUp()

    async def asyncTearDown(self):
        await super().asyncTearDown()
        await self.receiver.cleanup()

    async def take(self, request):
        body = await request.text()
        signature = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", request.headers["plenum-signature"])
        expected = hmac.new(HOOK.encode(), f"{signature[1]}.{body}".encode(), hashlib.sha256).hexdigest()
        self.assertEqual(signature[2], expected)
        if self.failures:
            # What is not taken comes again, before anything later of its room.
            self.failures -= 1
            return web.Response(status=503)
        self.events.put_nowait((json.loads(body), request.headers["plenum-event-id"]))
        return web.Response()

    async def test_the_life_of_a_room_is_told_signed_and_in_order(self):
        ada = await Member.join(self.server.url, "show", "Ada")
        media = {"microphone": True, "camera": False, "screen": False, "screenAudio": False}
        self.assertTrue((await ada.client.call("media", media, timeout=PATIENCE))["ok"])
        self.assertTrue((await ada.client.call("leave", {}, timeout=PATIENCE))["ok"])
        heard = [await asyncio.wait_for(self.events.get(), PATIENCE) for _ in range(6)]
        names = [event["event"] for event, _ in heard]
        expected = ["room_started", "member_joined", "source_published", "source_unpublished", "member_left", "room_ended"]
        self.assertEqual(names, expected)
        self.assertTrue(all(event["room"] == "show" and event["at"] > 0 for event, _ in heard))
        self.assertEqual(heard[1][0]["member"], {"id": ada.id, "name": "Ada"})
        self.assertEqual(heard[2][0]["kind"], "microphone")
        self.assertEqual(len({id for _, id in heard}), 6)
        await ada.client.disconnect()


if __name__ == "__main__":
    unittest.main()
