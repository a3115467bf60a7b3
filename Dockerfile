# Two stages: wheels and the environment are made where pip is, and only the environment goes into what runs.
FROM python:3.12-slim AS build
WORKDIR /src
COPY requirements/ requirements/
RUN python -m venv /opt/trialweave \
 && /opt/trialweave/bin/pip install --no-cache-dir --require-hashes -r requirements/run.txt
COPY requirements/build.txt requirements/build.txt
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY app/ app/
COPY loaders/ loaders/
COPY ontology/ ontology/
COPY shapes/ shapes/
COPY studies/ studies/
RUN /opt/build/bin/python -m hatchling build -t wheel -d /wheels \
 && /opt/trialweave/bin/pip install --no-cache-dir --no-deps /wheels/*.whl

FROM python:3.12-slim
RUN useradd --system --uid 10001 --create-home trialweave \
 && install -d -o trialweave /data
COPY --from=build /opt/trialweave /opt/trialweave
COPY --from=build /src/studies /studies
ENV PATH=/opt/trialweave/bin:$PATH TRIALWEAVE_DATA=/data PYTHONUNBUFFERED=1
# By its number, so that a cluster can see that it is not root.
USER 10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["python", "-c", "from urllib.request import *; build_opener(ProxyHandler({})).open('http://127.0.0.1:8000/health', timeout=2)"]
# The bundled studies are loaded into a new volume and skipped, unread, when they are there already.
CMD ["trialweave", "serve", "/studies", "--host", "0.0.0.0", "--port", "8000"]
