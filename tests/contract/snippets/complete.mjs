import { Mistral } from "@mistralai/mistralai";

const mistral = new Mistral({ apiKey: "MISTRAL_API_KEY" });

const result = await mistral.audio.transcriptions.complete({ model: "Model X" });
console.log(result);
