import { type Connection, connect, connection, forgetKey, key } from "../server/connection";
import { Icon } from "./icon";
import { KeyEntry } from "./key-entry";
import mark from "./mark.svg";
import { PANELS, type Panel } from "./panels";
import { route } from "./route";
import { isDark, nextTheme } from "./theme";

/** The page: a header, and the panel that the address names. */
export function App() {
  const state = connection.value;
  const offered = state.state === "ready" ? PANELS.filter((each) => each.isOffered(state)) : [];
  const current = offered.find((each) => each.id === route.value.panel) ?? offered[0];
  return (
    <>
      <button type="button" class="skip" onClick={skip}>
        Skip to the content
      </button>
      <Header offered={offered} current={current} />
      <main id="main" tabIndex={-1}>
        <Content state={state} current={current} />
      </main>
    </>
  );
}

function skip(): void {
  document.getElementById("main")?.focus();
}

function Header({ offered, current }: { offered: Panel[]; current: Panel | undefined }) {
  return (
    <header class="top">
      <a class="brand" href="#/">
        <img src={mark} alt="" width="28" height="28" />
        <span>Auricle</span>
      </a>
      <nav aria-label="Panels">
        {offered.map((panel) => (
          <a
            key={panel.id}
            href={`#/${panel.id}`}
            aria-current={panel === current ? "page" : undefined}
          >
            {panel.title}
          </a>
        ))}
      </nav>
      <div class="top-end">
        {key.value !== "" && (
          <button type="button" class="quiet" onClick={forgetKey}>
            Forget key
          </button>
        )}
        <button
          type="button"
          class="quiet icon-only"
          onClick={nextTheme}
          aria-label={isDark.value ? "Light colours" : "Dark colours"}
        >
          <Icon name={isDark.value ? "sun" : "moon"} />
        </button>
      </div>
    </header>
  );
}

function Content({ state, current }: { state: Connection; current: Panel | undefined }) {
  if (state.state === "connecting") {
    return (
      <p class="lonely" role="status">
        Connecting…
      </p>
    );
  }
  if (state.state === "locked") return <KeyEntry wasRefused={state.wasRefused} />;
  if (state.state === "unreachable") {
    return (
      <div class="lonely" role="alert">
        <h1>The server does not answer</h1>
        <p>{state.reason}</p>
        <button type="button" class="primary" onClick={() => void connect()}>
          Try again
        </button>
      </div>
    );
  }
  if (current === undefined) return <p class="lonely">This server offers nothing to show here.</p>;
  return <current.Component models={state.models} document={state.document} />;
}
