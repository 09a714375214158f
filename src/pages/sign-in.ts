/** The door: whoever is not signed in sees the sign-in and nothing else. */
import type { Explanation } from '../core/errors.ts';
import { html } from './html.ts';
import { htmlResponse, redirect, renderPage } from './layout.ts';
import type { PageAnswer, PageRequest, PageRoute } from './server.ts';
import type { Session, Sessions } from './sessions.ts';

export interface Door {
  routes: PageRoute[];
  /** The sign-in for whoever has no session, null for the others. */
  guard(request: PageRequest): PageAnswer | null;
  session(request: PageRequest): Session | null;
}

const COOKIE = 'scanferry-session';

export interface DoorDeps {
  product: string;
  sessions: Sessions;
  /** Over TLS the cookie never goes in clear. */
  isSecure: boolean;
}

export function createDoor({ product, sessions, isSecure }: DoorDeps): Door {
  const session = (request: PageRequest) => sessions.find(request.cookies.get(COOKIE));
  const cookie = (value: string, rest: string) =>
    `${COOKIE}=${value}; Path=/; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}${rest}`;

  async function signIn(request: PageRequest): Promise<PageAnswer> {
    const back = localPath(request.form.get('back'));
    const made = await sessions.signIn(request.form.get('password') ?? '');
    if ('code' in made) return signInPage(product, back, made);
    return redirect(back, { 'set-cookie': cookie(made.id, '') });
  }

  function signOut(request: PageRequest): PageAnswer {
    const current = session(request);
    if (current !== null) sessions.signOut(current.id);
    return redirect('/', { 'set-cookie': cookie('', '; Max-Age=0') });
  }

  return {
    routes: [
      { method: 'POST', path: /^\/sign-in$/, handle: signIn },
      { method: 'POST', path: /^\/sign-out$/, handle: signOut },
    ],
    guard(request) {
      if (request.path === '/sign-in' || session(request) !== null) return null;
      const query = request.query.toString();
      return signInPage(product, query === '' ? request.path : `${request.path}?${query}`, null);
    },
    session,
  };
}

/** A path of our own only: `//elsewhere` would lead away. */
function localPath(path: string | null): string {
  return path !== null && /^\/(?![/\\])[\w\-./?=&%+~]*$/.test(path) ? path : '/';
}

function signInPage(product: string, back: string, problem: Explanation | null): PageAnswer {
  const main = html`<form class="card narrow" method="post" action="/sign-in">
<h1>Sign in</h1>
${problem !== null && html`<p class="wrong" role="alert">${problem.cause} ${problem.advice}</p>`}
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
<input type="hidden" name="back" value="${back}">
<button class="primary" type="submit">Sign in</button>
</form>`;
  return htmlResponse(
    renderPage({ title: 'Sign in', product, main, live: null }),
    problem === null ? 401 : 403,
  );
}
