"""python3 -m unittest"""
import tempfile
import unittest

from shortener.web import make_app


class Shortening(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.client = make_app(f"{self.directory.name}/links.db").test_client()

    def tearDown(self):
        self.directory.cleanup()

    def test_a_link_is_kept_followed_and_counted(self):
        added = self.client.post("/api/links", json={"url": "https://example.org/a"})
        self.assertEqual(added.status_code, 201)
        name = added.json["name"]
        self.assertEqual(self.client.post("/api/links", json={"url": "https://example.org/a"}).json["name"], name)
        followed = self.client.get(f"/{name}")
        self.assertEqual((followed.status_code, followed.location), (302, "https://example.org/a"))
        self.assertEqual(self.client.get("/api/links").json, [{"name": name, "url": "https://example.org/a", "hits": 1}])

    def test_what_is_no_address_is_refused(self):
        self.assertEqual(self.client.post("/api/links", json={"url": "javascript:1"}).status_code, 400)
        self.assertEqual(self.client.get("/nothing").status_code, 404)
