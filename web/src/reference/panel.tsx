import { endpointsOf } from "../server/openapi";
import type { ServerProps } from "../shell/panels";
import { route } from "../shell/route";
import { EndpointView } from "./endpoint";
import licences from "./third-party-licenses.txt?url";

/** Every endpoint of this server, from its own OpenAPI document. */
export function ReferencePanel({ document, models }: ServerProps) {
  const endpoints = endpointsOf(document);
  const { panel, rest } = route.value;
  const wanted = panel === "reference" ? rest : "";
  const current = endpoints.find((each) => each.operation.operationId === wanted) ?? endpoints[0];
  return (
    <div class="reference">
      <nav aria-label="Endpoints">
        <p class="version">
          {document.info.title} {document.info.version}
        </p>
        {endpoints.map((endpoint) => (
          <a
            key={endpoint.operation.operationId}
            href={`#/reference/${endpoint.operation.operationId}`}
            aria-current={endpoint === current ? "true" : undefined}
          >
            <span class={`method ${endpoint.method.toLowerCase()}`}>{endpoint.method}</span>
            <span>{endpoint.path.replace(/^\/v1/, "")}</span>
          </a>
        ))}
        <a
          href="/openapi.json"
          download="openapi.json"
          class="raw-link"
          onClick={saveDocument(document)}
        >
          OpenAPI document
        </a>
        <a href={licences} class="raw-link">
          Third-party licences
        </a>
      </nav>
      {current !== undefined && (
        <EndpointView
          key={current.operation.operationId}
          document={document}
          endpoint={current}
          defaultModel={models[0]?.id ?? ""}
        />
      )}
    </div>
  );
}

/** A link cannot carry the key, and we have the document. */
function saveDocument(document: object) {
  return (event: Event) => {
    event.preventDefault();
    const content = JSON.stringify(document, null, 2);
    const url = URL.createObjectURL(new Blob([content], { type: "application/json" }));
    const link = globalThis.document.createElement("a");
    link.href = url;
    link.download = "openapi.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  };
}
