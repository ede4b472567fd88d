import os

from mistralai.client import Mistral

with Mistral(api_key=os.getenv("MISTRAL_API_KEY", "")) as mistral:
    with mistral.audio.transcriptions.stream(model="Camry", diarize=False) as events:
        for event in events:
            print(event, flush=True)
