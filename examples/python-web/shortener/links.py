"""The links and how often each was followed."""
import sqlite3
import string
from urllib.parse import urlsplit

ALPHABET = string.digits + string.ascii_letters


class BadAddress(ValueError):
    """What was given is no address of the web."""


def short_name(number: int) -> str:
    name = ""
    while number > 0:
        number, digit = divmod(number, len(ALPHABET))
        name = ALPHABET[digit] + name
    return name or ALPHABET[0]


class Links:
    def __init__(self, path: str) -> None:
        self.path = path
        with self._open() as database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS links (id INTEGER PRIMARY KEY, name TEXT UNIQUE, url TEXT UNIQUE, hits INTEGER DEFAULT 0)"
            )

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=5)

    def add(self, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise BadAddress(f"{url!r} is no address of the web")
        with self._open() as database:
            row = database.execute("SELECT name FROM links WHERE url = ?", (url,)).fetchone()
            if row:
                return row[0]
            number = database.execute("INSERT INTO links (url) VALUES (?)", (url,)).lastrowid
            database.execute("UPDATE links SET name = ? WHERE id = ?", (short_name(number + 1000), number))
            return short_name(number + 1000)

    def follow(self, name: str) -> str | None:
        with self._open() as database:
            row = database.execute("UPDATE links SET hits = hits + 1 WHERE name = ? RETURNING url", (name,)).fetchone()
        return row[0] if row else None

    def all(self) -> list[dict]:
        with self._open() as database:
            rows = database.execute("SELECT name, url, hits FROM links ORDER BY id").fetchall()
        return [{"name": name, "url": url, "hits": hits} for name, url, hits in rows]
