import {
  boundsOf,
  fieldsOf,
  type OpenApi,
  resolve,
  type Schema,
  typeOf,
  variantsOf,
} from "../server/openapi";
import { Prose } from "./prose";

interface Props {
  readonly document: OpenApi;
  readonly schema: Schema;
  readonly depth?: number;
}

const MAX_DEPTH = 5;

/** The fields of a schema, each with its type, bounds and description; objects open in place. */
export function SchemaView({ document, schema, depth = 0 }: Props) {
  const found = resolve(document, schema);
  const fields = fieldsOf(document, schema);
  if (fields.length === 0) return <p class="type">{typeOf(document, found)}</p>;
  return (
    <>
      {depth > 0 && found.description && <Prose text={found.description} />}
      <dl class="fields">
        {fields.map(({ name, schema: field, isRequired }) => (
          <div key={name}>
            <dt>
              <code>{name}</code>
              <span class="type">{typeOf(document, field)}</span>
              {isRequired && <span class="required">required</span>}
            </dt>
            <dd>
              {field.description && <Prose text={field.description} />}
              {boundsOf(field).map((bound) => (
                <span class="bound" key={bound}>
                  {bound}
                </span>
              ))}
              <Inner document={document} schema={field} depth={depth} />
            </dd>
          </div>
        ))}
      </dl>
    </>
  );
}

/** The objects a field holds, folded. */
function Inner({ document, schema, depth }: Required<Props>) {
  const objects = [schema, ...(schema.items ? [schema.items] : []), ...variantsOf(document, schema)]
    .map((each) => ({ each, name: typeOf(document, each) }))
    .filter(({ each }) => fieldsOf(document, each).length > 0);
  if (depth >= MAX_DEPTH) return null;
  return (
    <>
      {objects.map(({ each, name }) => (
        <details key={name} class="inner">
          <summary>{each.title ?? name}</summary>
          <SchemaView document={document} schema={each} depth={depth + 1} />
        </details>
      ))}
    </>
  );
}
