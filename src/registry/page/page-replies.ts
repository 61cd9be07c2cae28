/** Answers of the page with the headers that keep it to itself. */
import type { Html } from "./html.ts";

const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "img-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

export function htmlReply(content: Html, options: { status?: number; cookie?: string } = {}): Response {
  const headers = new Headers({
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
  });
  if (options.cookie !== undefined) headers.set("Set-Cookie", options.cookie);
  return new Response(content.text, { status: options.status ?? 200, headers });
}

export function redirect(to: string, cookie?: string): Response {
  const headers = new Headers({ Location: to, "Cache-Control": "no-store" });
  if (cookie !== undefined) headers.set("Set-Cookie", cookie);
  return new Response(null, { status: 303, headers });
}

export function fileReply(text: string, type: string): Response {
  return new Response(text, { headers: { "Content-Type": type, "Cache-Control": "max-age=3600" } });
}
