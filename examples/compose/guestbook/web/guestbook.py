"""A guest book: messages in PostgreSQL, visits in Redis."""

import os
import socket
from contextlib import closing
from html import escape
from pathlib import Path

import psycopg2
import redis
from flask import Flask, jsonify, redirect, request

app = Flask(__name__)
counters = redis.Redis(os.environ["REDIS"])
greeting = os.environ["GREETING"]
password = Path("/run/secrets/db-password").read_text().strip()


def connect():
    return closing(psycopg2.connect(os.environ["DATABASE"], password=password))


# Replicas that start together take turns.
with connect() as db, db, db.cursor() as cursor:
    cursor.execute("SELECT pg_advisory_xact_lock(1)")
    cursor.execute(
        "CREATE TABLE IF NOT EXISTS messages"
        " (id serial PRIMARY KEY, author text NOT NULL, words text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
    )


def messages():
    with connect() as db, db.cursor() as cursor:
        cursor.execute("SELECT author, words FROM messages ORDER BY id DESC LIMIT 50")
        return [{"author": author, "words": words} for author, words in cursor]


@app.get("/")
def page():
    visits = counters.incr("visits")
    items = "".join(f"<li><b>{escape(one['author'])}</b>: {escape(one['words'])}</li>" for one in messages())
    form = '<form method="post" action="/messages"><input name="author"><input name="words"><button>Sign</button></form>'
    return f"<h1>{escape(greeting)}</h1><p>Visit {visits}, served by {socket.gethostname()}</p>{form}<ul>{items}</ul>"


@app.get("/messages")
def list_messages():
    return jsonify(messages())


@app.post("/messages")
def sign():
    author, words = request.form.get("author", "").strip(), request.form.get("words", "").strip()
    if not author or not words:
        return jsonify(error="author and words are wanted"), 400
    with connect() as db, db, db.cursor() as cursor:
        cursor.execute("INSERT INTO messages (author, words) VALUES (%s, %s)", (author, words))
    return redirect("/", 303)


@app.get("/health")
def health():
    counters.ping()
    return jsonify(status="ok", host=socket.gethostname())
