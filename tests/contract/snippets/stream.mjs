import { Mistral } from "@mistralai/mistralai";

const mistral = new Mistral({ apiKey: "MISTRAL_API_KEY" });

const result = await mistral.audio.transcriptions.stream({ model: "Camry" });
for await (const event of result) console.log(event);
