/**
 * Keeps a page up to date: its address is its whole state, so "live" means to fetch the same address again when the
 * server says that something changed, and to change the shown page into the new one without losing focus or place.
 */
(() => {
  const main = document.querySelector('main');
  const live = document.body.dataset.live;
  const note = document.querySelector('[data-connection]');
  /** Counts requests: an answer that was overtaken by a newer one is dropped. */
  let newest = 0;
  let isTyping = false;

  async function refresh() {
    newest += 1;
    const mine = newest;
    const response = await fetch(location.href, { headers: { accept: 'text/html' }, cache: 'no-store' });
    if (mine !== newest) return;
    // Signed out, or the site is gone: show what the server says.
    if (response.redirected || !response.ok) return location.reload();
    const page = new DOMParser().parseFromString(await response.text(), 'text/html');
    const next = page.querySelector('main');
    if (mine !== newest || next === null) return;
    Idiomorph.morph(main, next, {
      ignoreActiveValue: true,
      restoreFocus: true,
      callbacks: {
        // What a person opened or is filling in stays as they left it.
        beforeNodeMorphed: (old) => !(old instanceof HTMLElement && old.dataset.keep !== undefined),
        beforeAttributeUpdated: (name, node) => !(name === 'open' && node instanceof HTMLDetailsElement),
      },
    });
    document.title = page.title;
  }

  function say(isConnected) {
    if (note === null) return;
    note.hidden = isConnected;
  }

  if (live !== undefined && main !== null) {
    const source = new EventSource(live);
    source.addEventListener('changed', () => {
      if (!document.hidden && !isTyping)
        refresh().then(
          () => say(true),
          () => say(false),
        );
    });
    source.addEventListener('open', () => say(true));
    source.addEventListener('error', () => say(false));
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) refresh().catch(() => say(false));
    });
    addEventListener('popstate', () => refresh().catch(() => say(false)));
    addEventListener('pagehide', () => source.close());
  }

  /** A form with data-filter is applied while it is changed; without this script its button does the same. */
  let timer = 0;
  document.addEventListener('input', (event) => {
    const form = event.target instanceof Element ? event.target.closest('form[data-filter]') : null;
    if (form === null) return;
    isTyping = true;
    clearTimeout(timer);
    timer = setTimeout(() => {
      isTyping = false;
      const fields = [...new FormData(form)].filter(([, value]) => value !== '');
      const query = new URLSearchParams(fields).toString();
      history.replaceState(null, '', query === '' ? location.pathname : `?${query}`);
      refresh().catch(() => say(false));
    }, 200);
  });

  /** `/` goes to the search, as in many tools. */
  document.addEventListener('keydown', (event) => {
    const isWriting = event.target instanceof Element && event.target.matches('input, textarea, select');
    if (event.key !== '/' || isWriting || event.ctrlKey || event.metaKey || event.altKey) return;
    const search = document.querySelector('input[type=search]');
    if (search === null) return;
    event.preventDefault();
    search.focus();
  });
})();
