import { useEffect } from "preact/hooks";
import { transcriptionSnippet } from "../code/snippets";
import { CodeView } from "../code/view";
import { RawView } from "../raw/view";
import type { ServerProps } from "../shell/panels";
import { Tabs } from "../shell/tabs";
import { cancel, player, session, transcribe } from "./actions";
import { Facts } from "./facts";
import { fieldsOf, form } from "./form";
import { Options } from "./options";
import { Progress } from "./progress";
import { SourceChooser } from "./source";
import { TranscriptView } from "./transcript";
import { Wave } from "./wave";

/** Recording in, transcript out, and how the same is done from a program. */
export function TranscribePanel({ models }: ServerProps) {
  useEffect(() => {
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const { source } = form.value;
  const { phase, exchange, text } = session.value;
  const hasTranscript = phase === "running" || phase === "done" || text !== "";
  return (
    <div class="transcribe">
      <section class="work" aria-label="Transcription">
        <h1 class="visually-hidden">Transcribe a recording</h1>
        <SourceChooser />
        {source !== null && <Wave />}
        <Options models={models} />
        <Progress />
        {hasTranscript && <TranscriptView />}
        {phase === "done" && <Facts />}
      </section>
      <aside aria-label="The request behind it">
        <Tabs
          label="Code and wire"
          tabs={[
            {
              id: "code",
              title: "Code",
              content: (
                <CodeView
                  snippet={(tongue, place) =>
                    transcriptionSnippet(tongue, fieldsOf(form.value), place)
                  }
                  note={source === null ? "Choose a recording to complete the code." : ""}
                />
              ),
            },
            { id: "raw", title: "Raw", content: <RawView exchange={exchange} /> },
          ]}
        />
      </aside>
    </div>
  );
}

function onKey(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  const isTyping = target.closest("input, textarea, select") !== null;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) transcribe();
  else if (event.key === "Escape" && session.value.phase === "running") cancel();
  else if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  else if (event.key === "k") player.toggle();
  else if (event.key === "j") player.skip(-1);
  else if (event.key === "l") player.skip(1);
  else if (event.key === " " && target.closest("button, a, summary, [role=tab]") === null) {
    if (player.state.value !== "ready") return;
    event.preventDefault();
    player.toggle();
  } else if (event.key === "/") {
    const search = document.getElementById("search");
    if (search === null) return;
    event.preventDefault();
    search.focus();
  }
}
