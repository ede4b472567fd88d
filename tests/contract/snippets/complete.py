import os

from mistralai.client import Mistral

with Mistral(api_key=os.getenv("MISTRAL_API_KEY", "")) as mistral:
    print(mistral.audio.transcriptions.complete(model="Model X", diarize=False))
