import {
  type Answer,
  type Endpoint,
  type OpenApi,
  resolve,
  type Schema,
  typeOf,
} from "../server/openapi";
import { Prose } from "./prose";
import { SchemaView } from "./schema";
import { TryIt } from "./try-it";

interface Props {
  readonly document: OpenApi;
  readonly endpoint: Endpoint;
  readonly defaultModel: string;
}

/** One endpoint: what it takes, what it answers, and a form to try it. */
export function EndpointView({ document, endpoint, defaultModel }: Props) {
  const { method, path, operation } = endpoint;
  const isOpen = operation.security?.length === 0;
  return (
    <div class="endpoint">
      <article>
        <header>
          <h1>{operation.summary}</h1>
          <p class="address">
            <span class={`method ${method.toLowerCase()}`}>{method}</span> <code>{path}</code>
          </p>
          {operation.description && <Prose text={operation.description} />}
          <p class="hint">
            {isOpen
              ? "Answers without a key."
              : "Where the server has keys: Authorization: Bearer …, or x-api-key."}
          </p>
        </header>
        <Parameters document={document} endpoint={endpoint} />
        <RequestBody document={document} endpoint={endpoint} />
        <section>
          <h2>Answers</h2>
          {Object.entries(operation.responses).map(([status, answer]) => (
            <AnswerView
              key={status}
              document={document}
              status={status}
              answer={resolve(document, answer)}
            />
          ))}
        </section>
      </article>
      <TryIt document={document} endpoint={endpoint} defaultModel={defaultModel} />
    </div>
  );
}

function Parameters({ document, endpoint }: Omit<Props, "defaultModel">) {
  const parameters = endpoint.operation.parameters ?? [];
  if (parameters.length === 0) return null;
  return (
    <section>
      <h2>Parameters</h2>
      <dl class="fields">
        {parameters.map((parameter) => (
          <div key={parameter.name}>
            <dt>
              <code>{parameter.name}</code>
              <span class="type">{typeOf(document, parameter.schema)}</span>
              <span class="type">in the {parameter.in}</span>
              {parameter.required && <span class="required">required</span>}
            </dt>
            {parameter.description && (
              <dd>
                <Prose text={parameter.description} />
              </dd>
            )}
          </div>
        ))}
      </dl>
    </section>
  );
}

function RequestBody({ document, endpoint }: Omit<Props, "defaultModel">) {
  const content = endpoint.operation.requestBody?.content;
  if (content === undefined) return null;
  const types = Object.keys(content);
  const [widest] = Object.values(content);
  if (widest?.schema === undefined) return null;
  return (
    <section>
      <h2>Body</h2>
      <p class="hint">
        {types.map((type, i) => [i > 0 ? ", " : "", <code key={type}>{type}</code>])}
      </p>
      <SchemaView document={document} schema={widest.schema} />
    </section>
  );
}

interface AnswerProps {
  readonly document: OpenApi;
  readonly status: string;
  readonly answer: Answer;
}

function AnswerView({ document, status, answer }: AnswerProps) {
  return (
    <details class="answer" open={status.startsWith("2")}>
      <summary>
        <span class={`status s${status[0]}`}>{status}</span> {answer.description}
      </summary>
      {Object.entries(answer.headers ?? {}).map(([name, header]) => (
        <p class="hint" key={name}>
          <code>{name}</code> {resolve(document, header).description}
        </p>
      ))}
      {Object.entries(answer.content ?? {}).map(([type, { schema }]) => (
        <div key={type} class="content">
          <p class="media-type">
            <code>{type}</code>
          </p>
          {schema !== undefined && <ContentView document={document} schema={schema} />}
        </div>
      ))}
    </details>
  );
}

/** A schema, or each of its kinds: the events of a stream. */
function ContentView({ document, schema }: { document: OpenApi; schema: Schema }) {
  if (schema.oneOf === undefined) return <SchemaView document={document} schema={schema} />;
  return (
    <>
      {schema.oneOf.map((each) => (
        <details key={each.$ref} class="event">
          <summary>
            <code>{eventName(document, each)}</code>
          </summary>
          <SchemaView document={document} schema={each} />
        </details>
      ))}
    </>
  );
}

/** The name of an event is the constant that its `type` holds; an error's is `error`. */
function eventName(document: OpenApi, schema: Schema): string {
  const { const: name } = resolve(document, schema).properties?.type ?? {};
  return typeof name === "string" ? name : "error";
}
