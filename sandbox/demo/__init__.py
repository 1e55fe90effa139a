"""The whole pipeline on one machine: started, fed, watched, verified and stopped by one command."""
