/**
 * The registry's web page, rendered here:
 *
 *     /                      repositories; ?q= searches
 *     /r/NAME                tags of a repository; POST deletes it
 *     /r/NAME:TAG, @DIGEST   an image; ?platform=DIGEST chooses from an index; POST deletes it
 *     /login, /logout
 *     /-/…                   style, script, mark
 */

import { isKind, NaruError } from "../../lib/errors.ts";
import { AccessRefused } from "../access/access-refused.ts";
import type { Accounts } from "../access/open-access.ts";
import type { RegistryCatalog, RequestOrigin } from "../contract.ts";
import type { Html } from "./html.ts";
import { messagePage } from "./layout.ts";
import { loginPage } from "./login-view.ts";
import { fileReply, htmlReply, redirect } from "./page-replies.ts";
import { RepositoryPages } from "./repository-pages.ts";
import { type PageSession, Sessions } from "./sessions.ts";
import { MARK_SVG, SCRIPT, STYLE } from "./style.ts";
import type { Viewer } from "./viewer.ts";

const MAX_FORM_BYTES = 16 * 1024;
const NAME = "[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*";
const ADDRESS = new RegExp(`^/r/(${NAME})(?::([\\w][\\w.-]{0,127})|@(sha(?:256|512):[a-f0-9]{64,128}))?$`);

interface PageParts {
  catalog: RegistryCatalog;
  /** Undefined: there are no accounts, everyone may do everything. */
  accounts: Accounts | undefined;
  externalUrl(origin: RequestOrigin): string;
  /** The host that a repository is a copy of. */
  copyOf(repository: string): string | undefined;
}

export class WebPage {
  readonly #sessions = new Sessions();
  readonly #pages: RepositoryPages;

  constructor(private readonly parts: PageParts) {
    this.#pages = new RepositoryPages(parts.catalog, parts.copyOf);
  }

  /** Undefined: not a path of the page. */
  async answer(request: Request, origin: RequestOrigin): Promise<Response | undefined> {
    const url = new URL(request.url);
    if (url.pathname === "/-/style.css") return fileReply(STYLE, "text/css; charset=utf-8");
    if (url.pathname === "/-/page.js") return fileReply(SCRIPT, "text/javascript; charset=utf-8");
    if (url.pathname === "/-/mark.svg") return fileReply(MARK_SVG, "image/svg+xml");
    const isPage = url.pathname === "/" || url.pathname === "/login" || url.pathname === "/logout";
    const address = ADDRESS.exec(url.pathname);
    if (!isPage && address === null) return undefined;
    const session = this.#sessions.of(request);
    const viewer = await this.#viewer(session, origin);
    const cookie = session.isNew ? this.#cookie(session, origin) : undefined;
    try {
      if (request.method === "POST") return await this.#post(request, url, origin, viewer);
      if (request.method !== "GET" && request.method !== "HEAD") return undefined;
      return await this.#get(url, viewer, cookie);
    } catch (error) {
      return htmlReply(failurePage(viewer, error), { status: statusOf(error), cookie });
    }
  }

  async #get(url: URL, viewer: Viewer, cookie: string | undefined): Promise<Response> {
    const { pathname, searchParams } = url;
    if (pathname === "/") return htmlReply(await this.#pages.repositories(viewer, searchParams), { cookie });
    if (pathname === "/login" && viewer.canLogIn) {
      return htmlReply(loginPage(viewer, { next: localPath(searchParams.get("next")) }), { cookie });
    }
    const [, repository, tag, digest] = ADDRESS.exec(pathname) ?? [];
    if (repository === undefined) throw new NaruError("not-found", "There is no such page.");
    if (!viewer.may(repository, "pull")) return this.#mustLogIn(viewer, url, cookie);
    const reference = tag ?? digest;
    const content =
      reference === undefined
        ? await this.#pages.tags(viewer, repository, searchParams)
        : await this.#pages.image(viewer, repository, reference, searchParams.get("platform") ?? undefined);
    return htmlReply(content, { cookie });
  }

  /** Whether a repository is there is nobody's business who may not read it. */
  #mustLogIn(viewer: Viewer, url: URL, cookie: string | undefined): Response {
    if (viewer.session.user === "" && viewer.canLogIn) {
      return redirect(`/login?next=${encodeURIComponent(url.pathname + url.search)}`, cookie);
    }
    throw new NaruError("not-found", "There is no such repository, or you have no right to read it.");
  }

  async #post(request: Request, url: URL, origin: RequestOrigin, viewer: Viewer): Promise<Response> {
    const form = await readForm(request);
    if (!isFromHere(request, origin) || !this.#sessions.isProof(viewer.session, form.get("proof") ?? "")) {
      throw new NaruError(
        "forbidden",
        "This form is too old or was not sent by this page. Go back, load the page again, and repeat.",
      );
    }
    if (url.pathname === "/login") return await this.#logIn(form, origin, viewer);
    if (url.pathname === "/logout") {
      this.#sessions.logOut(viewer.session.id);
      return redirect("/");
    }
    const [, repository, tag, digest] = ADDRESS.exec(url.pathname) ?? [];
    if (repository === undefined || form.get("do") !== "delete")
      throw new NaruError("not-found", "There is no such page.");
    if (!viewer.may(repository, "delete"))
      throw new NaruError("forbidden", `You have no right to delete in ${repository}.`);
    const actor = { user: viewer.session.user, remoteAddress: origin.remoteAddress };
    const reference = tag ?? digest;
    if (reference !== undefined) {
      await this.parts.catalog.deleteManifest(repository, reference, actor);
      return redirect(`/r/${repository}`);
    }
    if (form.get("confirm") !== repository) {
      throw new NaruError("invalid", `Write ${repository} into the field to confirm. Nothing was deleted.`);
    }
    await this.parts.catalog.deleteRepository(repository, actor);
    return redirect("/");
  }

  async #logIn(form: URLSearchParams, origin: RequestOrigin, viewer: Viewer): Promise<Response> {
    const { accounts } = this.parts;
    if (accounts === undefined) throw new NaruError("not-found", "This registry has no accounts.");
    const [user, password, next] = [form.get("user") ?? "", form.get("password") ?? "", localPath(form.get("next"))];
    let failure = "Wrong name or password.";
    try {
      if (user !== "" && (await accounts.login.check({ user, password }, origin.remoteAddress))) {
        this.#sessions.logOut(viewer.session.id);
        return redirect(next, this.#cookie(this.#sessions.logIn(user), origin));
      }
    } catch (error) {
      if (!(error instanceof AccessRefused)) throw error;
      failure = `Too many wrong passwords. Try again in ${error.answer.retryAfterSeconds} seconds.`;
    }
    return htmlReply(loginPage(viewer, { next, failure, user }), { status: 401 });
  }

  async #viewer(session: PageSession, origin: RequestOrigin): Promise<Viewer> {
    const { accounts } = this.parts;
    const rights = await accounts?.rights();
    // Somebody who was removed from the password file is nobody from then on.
    const isGone = session.user !== "" && accounts !== undefined && !(await accounts.hasUser(session.user));
    const user = isGone ? "" : session.user;
    return {
      session: { ...session, user },
      may: (repository, action) => rights === undefined || rights.may(user, repository, action),
      canLogIn: accounts !== undefined,
      proof: this.#sessions.formProof(session),
      host: this.parts.externalUrl(origin).replace(/^https?:\/\//, ""),
    };
  }

  #cookie(session: PageSession, origin: RequestOrigin): string {
    return this.#sessions.cookie(session, this.parts.externalUrl(origin).startsWith("https://"));
  }
}

/** Browsers say where a form comes from; what says nothing must still carry the proof. */
function isFromHere(request: Request, { host }: RequestOrigin): boolean {
  const site = request.headers.get("sec-fetch-site");
  if (site !== null) return site === "same-origin" || site === "none";
  const from = request.headers.get("origin");
  return from === null || (URL.canParse(from) && new URL(from).host === host);
}

async function readForm(request: Request): Promise<URLSearchParams> {
  if (Number(request.headers.get("content-length") ?? 0) > MAX_FORM_BYTES) {
    throw new NaruError("invalid", "The form is too large.");
  }
  return new URLSearchParams(await request.text());
}

/** Only an address of this page, never another site's. */
function localPath(path: string | null): string {
  return path !== null && /^\/(?![/\\])[\x21-\x7e]*$/.test(path) ? path : "/";
}

function failurePage(viewer: Viewer, error: unknown): Html {
  if (isKind(error, "not-found")) return messagePage(viewer, "Not found", (error as Error).message);
  if (error instanceof NaruError) return messagePage(viewer, "That did not work", error.message);
  throw error;
}

function statusOf(error: unknown): number {
  if (isKind(error, "not-found")) return 404;
  if (isKind(error, "forbidden")) return 403;
  return isKind(error, "invalid") ? 400 : 503;
}
