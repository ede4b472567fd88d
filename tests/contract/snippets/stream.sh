curl https://api.mistral.ai/v1/audio/transcriptions#stream \
 -X POST \
 -H 'Authorization: Bearer YOUR_APIKEY_HERE' \
 -H 'Content-Type: application/json' \
 -d '{"model": "Camry"}'
