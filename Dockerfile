FROM python:3.11-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /app

COPY requirements.lock ./
RUN pip install --no-cache-dir -r requirements.lock

COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY src src
# The lock has hashes, so it cannot hold the project itself, nor what builds it.
RUN pip install --no-cache-dir --no-deps . && useradd --create-home auricle

USER auricle
# Weights are a part of the image: it starts without a network.
RUN auricle models pull

EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health/ready', timeout=4)"]
# Other addresses than loopback need a key: docker run -p 8000:8000 -e AURICLE_API_KEYS=… auricle
CMD ["auricle", "serve", "--host", "0.0.0.0"]
