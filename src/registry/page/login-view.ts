import { type Html, html } from "./html.ts";
import { page } from "./layout.ts";
import type { Viewer } from "./viewer.ts";

export function loginPage(viewer: Viewer, options: { next: string; failure?: string; user?: string }): Html {
  const { next, failure, user = "" } = options;
  return page(viewer, {
    title: "Log in · naru registry",
    body: html`<section class="card login">
<h1>Log in</h1>
<p class="soft">With the same name and password as <code>docker login ${viewer.host}</code></p>
${failure !== undefined && html`<p class="failure" role="alert">${failure}</p>`}
<form method="post" action="/login">
<input type="hidden" name="proof" value="${viewer.proof}">
<input type="hidden" name="next" value="${next}">
<label>Name<input name="user" value="${user}" autocomplete="username" required autofocus></label>
<label>Password<input name="password" type="password" autocomplete="current-password" required></label>
<button>Log in</button>
</form>
</section>`,
  });
}
