import "@fontsource-variable/source-serif-4/wght.css";
import "./style/tokens.css";
import "./style/base.css";
import "./style/shell.css";
import "./style/transcribe.css";
import "./style/outcome.css";
import "./style/transcript.css";
import "./style/code.css";
import "./style/reference.css";
import { render } from "preact";
import { connect } from "./server/connection";
import { App } from "./shell/app";
import { followTheme } from "./shell/theme";

followTheme();
void connect();
const root = document.getElementById("app");
if (root !== null) render(<App />, root);
